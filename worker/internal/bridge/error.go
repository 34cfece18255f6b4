package bridge

import (
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/millrace/millrace/worker/internal/fault"
)

// sqlstates is the only place that knows PostgreSQL's error codes.
//
// Source: PostgreSQL documentation, appendix A.
var sqlstates = map[fault.Kind]string{
	fault.Internal:       "XX000", // internal_error
	fault.Parameter:      "22023", // invalid_parameter_value
	fault.Data:           "22000", // data_exception
	fault.Syntax:         "42601", // syntax_error
	fault.Type:           "42804", // datatype_mismatch
	fault.Privilege:      "42501", // insufficient_privilege
	fault.Memory:         "53200", // out_of_memory
	fault.Busy:           "53300", // too_many_connections
	fault.Size:           "54000", // program_limit_exceeded
	fault.State:          "55000", // object_not_in_prerequisite_state
	fault.Unsupported:    "0A000", // feature_not_supported
	fault.Cancelled:      "57014", // query_canceled
	fault.Deadlock:       "40P01", // deadlock_detected
	fault.Authentication: "28P01", // invalid_password
	fault.NotFound:       "42704", // undefined_object
	fault.NameTooLong:    "42622", // name_too_long
}

func errorResponse(f *fault.Error, severity string) *pgproto3.ErrorResponse {
	return &pgproto3.ErrorResponse{
		Severity: severity, SeverityUnlocalized: severity, Code: sqlstates[f.Kind],
		Message: f.Message, Detail: f.Detail, Hint: f.Hint,
	}
}
