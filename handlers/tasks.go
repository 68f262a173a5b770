package handlers

import (
	"context"
	"fmt"
	"strings"
	"time"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/projections"
)

// tasksView is the board of what the process manager owes, with what stands in its way and how far the views are.
type tasksView struct {
	Tasks     []taskRow
	Upcoming  bool // the tasks are those of later days
	Due       int  // of them, whose time has come
	Late      int  // of those, by more than lateAfter
	Failing   int
	Poisoned  []domain.MessagePoisoned
	Views     []viewLag
	Witnessed Witnessed
	Sampled   sampledView
	MayAct    bool // the reader may retry and skip
}

// lateAfter is how long a due task may wait before the board calls it late.
const lateAfter = time.Minute

// upcomingMax is how many tasks of later days the board shows.
const upcomingMax = 200

// taskRow is something that is owed, and for how long.
type taskRow struct {
	projections.TaskRow
	Age time.Duration
}

// IsUpcoming tells that the task is not owed yet.
func (t taskRow) IsUpcoming() bool { return t.Age < 0 }

// Retryable tells whether a person's wish makes any difference: what is finished is tried again all the time, the auditor gets another
// letter tomorrow, and nothing is done before its day.
func (t taskRow) Retryable() bool {
	return !t.IsUpcoming() && !finishes(t.Task.Kind) && t.Task.Kind != domain.CheckpointTask
}

// lagMax is the largest lag that is counted, in events; beyond it a view is just far behind.
const lagMax = 1000

// viewLag is how many events a view has not seen yet.
type viewLag struct {
	View string
	Lag  int
}

// Far tells that the view is at least lagMax events behind.
func (v viewLag) Far() bool { return v.Lag >= lagMax }

// Width of the lag's bar, from 0 to 100.
func (v viewLag) Width() int { return v.Lag * 100 / lagMax }

// showTasks is the board: what is owed, stuck and failing; on request what falls due on later days.
func (s *Server) showTasks(c *call) (reply, error) {
	rows, err := s.Tables.Tasks(c.Context(), c.at)
	if err != nil {
		return reply{}, fmt.Errorf("read tasks: %w", err)
	}
	view := tasksView{MayAct: c.account.Role == OperatorRole, Witnessed: s.Evidence.Witnessed()}
	view.Sampled = s.sampled(view.MayAct)
	for _, row := range rows {
		if !row.DueAt.After(c.at) {
			view.Due++
		}
		if c.at.Sub(row.DueAt) > lateAfter {
			view.Late++
		}
		if row.Task.Failure.Attempt > 0 {
			view.Failing++
		}
	}
	if view.Upcoming = c.URL.Query().Has("upcoming"); view.Upcoming {
		if rows, err = s.Tables.Upcoming(c.Context(), c.at, upcomingMax); err != nil {
			return reply{}, fmt.Errorf("read upcoming tasks: %w", err)
		}
	}
	for _, row := range rows {
		view.Tasks = append(view.Tasks, taskRow{TaskRow: row, Age: c.at.Sub(row.Since)})
	}
	if view.Poisoned, err = s.poisoned(c.Context()); err != nil {
		return reply{}, err
	}
	view.Views, err = s.lags(c.Context())
	return reply{page: "tasks", view: view, notice: c.notice()}, err
}

// poisoned are the events that the process manager could not digest, in the order of the log.
func (s *Server) poisoned(ctx context.Context) ([]domain.MessagePoisoned, error) {
	var all []domain.MessagePoisoned
	for record, err := range s.Log.Read(ctx, s.PoisonQueue, 0) {
		if err != nil {
			return nil, fmt.Errorf("read poison queue: %w", err)
		}
		if poisoned, ok := record.Event.(domain.MessagePoisoned); ok {
			all = append(all, poisoned)
		}
	}
	return all, nil
}

// lags counts what each view has not seen yet, up to lagMax.
func (s *Server) lags(ctx context.Context) ([]viewLag, error) {
	progress, err := s.Tables.Progress(ctx)
	if err != nil {
		return nil, err
	}
	var slowest domain.Position
	for i, view := range projections.All() {
		if at := progress[view.Name]; i == 0 || at < slowest {
			slowest = at
		}
	}
	lags := make([]viewLag, len(projections.All()))
	counted := 0
	for record, err := range s.Log.History(ctx, slowest) {
		if err != nil {
			return nil, fmt.Errorf("read the end of the log: %w", err)
		}
		for i, view := range projections.All() {
			if record.Position > progress[view.Name] {
				lags[i].Lag++
			}
		}
		if counted++; counted == lagMax {
			break
		}
	}
	for i, view := range projections.All() {
		lags[i].View = view.Name
	}
	return lags, nil
}

// retryTask does a task now that waits after a failure, or that was skipped. A login letter leaves with a fresh link.
func (s *Server) retryTask(c *call) (reply, error) {
	return s.changeTask(c, "retried", func(stream, task string) (domain.Position, error) {
		if order, ok := strings.CutPrefix(stream, domain.OrderStream("")); ok {
			outcome, err := domain.Execute(c.Context(), s.Log, s.cause(c, "retry"), domain.RetryTask{Order: domain.OrderID(order), Task: task, At: c.at})
			return outcome.Position, err
		}
		customer, account, err := s.loginTask(c, stream, task)
		if err != nil {
			return 0, err
		}
		outcome, err := domain.Execute(c.Context(), s.Log, s.cause(c, "retry"),
			domain.GrantLogin{Customer: customer.ID, Account: account, Link: customer.Logins[account].Link + 1})
		return outcome.Position, err
	})
}

// skipTask gives a letter or a file up, with a reason.
func (s *Server) skipTask(c *call) (reply, error) {
	form, err := c.form()
	if err != nil {
		return reply{}, err
	}
	reason := strings.TrimSpace(form.Get("reason"))
	return s.changeTask(c, "skipped", func(stream, task string) (domain.Position, error) {
		if order, ok := strings.CutPrefix(stream, domain.OrderStream("")); ok {
			outcome, err := domain.Execute(c.Context(), s.Log, s.cause(c, "skip"), domain.SkipTask{Order: domain.OrderID(order), Task: task, Reason: reason})
			return outcome.Position, err
		}
		customer, account, err := s.loginTask(c, stream, task)
		if err != nil {
			return 0, err
		}
		outcome, err := domain.Execute(c.Context(), s.Log, s.cause(c, "skip"),
			domain.SkipLoginLetter{Customer: customer.ID, Account: account, Link: customer.Logins[account].Link, Reason: reason})
		return outcome.Position, err
	})
}

// loginTask finds whose login letter a task is about.
func (s *Server) loginTask(c *call, stream, task string) (domain.Customer, string, error) {
	id, isCustomer := strings.CutPrefix(stream, domain.CustomerStream(""))
	account, isLogin := strings.CutPrefix(task, string(domain.LoginTask)+"-")
	if !isCustomer || !isLogin {
		return domain.Customer{}, "", domain.Refusal{Code: domain.NotFound}
	}
	known, err := domain.Load[domain.Customer](c.Context(), s.Log, domain.CustomerStream(domain.CustomerID(id)))
	if err != nil {
		return domain.Customer{}, "", err
	}
	if login, granted := known.State.Logins[account]; !granted || login.Sent >= login.Link {
		return domain.Customer{}, "", domain.Refusal{Code: domain.NotFound}
	}
	return known.State, account, nil
}

// changeTask does something with the task that the path names, and goes back to the page that asked for it.
func (s *Server) changeTask(c *call, done string, change func(stream, task string) (domain.Position, error)) (reply, error) {
	stream, err := c.name("stream")
	if err != nil {
		return reply{}, err
	}
	task, err := c.name("task")
	if err != nil {
		return reply{}, err
	}
	position, err := change(stream, task)
	if refusal, no := domain.IsRefusal(err); no && refusal.Code != domain.NotFound {
		answer, err := s.showTasks(c)
		answer.refusal = &refusal
		return answer, err
	}
	if err != nil {
		return reply{}, err
	}
	return reply{location: "/tasks?done=" + done, position: position}, nil
}
