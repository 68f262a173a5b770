package projections

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"

	"github.com/lib/pq"
)

// errTakenOver says that the checkpoint no longer lets this owner write.
var errTakenOver = errors.New("somebody else took the view over")

// ErrForeignLog says that the log does not contain what a view has seen already.
var ErrForeignLog = errors.New("the log lacks the event at the view's checkpoint: an older copy of the log was restored, or " +
	"the database belongs to another log; put the newer log back, or drop the schema of the views so that they are built anew")

// passing tells troubles that go away by themselves (a lost connection, a restarting server) from a record that the
// view cannot digest.
func passing(err error) bool {
	var answer *pq.Error
	if errors.As(err, &answer) {
		return passingClass[answer.Code.Class()] || answer.Code == "25006" || answer.Code == "25P03" || answer.Code == "55P03"
	}
	var network net.Error
	var system syscall.Errno
	for _, lost := range []error{driver.ErrBadConn, sql.ErrConnDone, sql.ErrTxDone, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed,
		context.DeadlineExceeded, context.Canceled, errTakenOver} {
		if errors.Is(err, lost) {
			return true
		}
	}
	return errors.As(err, &network) || errors.As(err, &system)
}

// passingClass are the classes of Postgres errors that say nothing about the data.
// Source: PostgreSQL, Appendix A. PostgreSQL Error Codes.
var passingClass = map[pq.ErrorClass]bool{
	"08": true, // connection
	"40": true, // transaction rolled back by the server: deadlock, serialization
	"53": true, // out of disk, memory or connections
	"57": true, // shut down or cancelled by an operator
	"58": true, // the server's own files
}

// kindOf describes an error without quoting any contents: what Postgres says of a value can name people.
func kindOf(err error) string {
	var answer *pq.Error
	if errors.As(err, &answer) {
		return fmt.Sprintf("postgres error %s (%s) table %q column %q constraint %q",
			answer.Code, answer.Code.Name(), answer.Table, answer.Column, answer.Constraint)
	}
	return err.Error()
}
