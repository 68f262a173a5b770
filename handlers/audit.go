package handlers

import (
	"fmt"

	"netrom.pl/portal/projections"
)

type tasksView struct {
	Tasks []projections.TaskRow
}

// showTasks is the board of what the process manager owes, with reason and age.
func (s *Server) showTasks(c *call) (reply, error) {
	rows, err := s.Tables.Tasks(c.Context())
	if err != nil {
		return reply{}, fmt.Errorf("read tasks: %w", err)
	}
	return reply{page: "tasks", view: tasksView{Tasks: rows}}, nil
}
