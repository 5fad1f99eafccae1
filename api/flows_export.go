// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"tidewatch/query"
)

// MaxExport bounds the flows of one file.
const MaxExport = 1_000_000

// ExportInput selects the flows of a file.
type ExportInput struct {
	SpanInput

	Format string `query:"format" enum:"csv,json" default:"csv"`
}

// ExportDocument is an exported file in JSON.
type ExportDocument struct {
	Flows    []query.Flow `json:"flows" nullable:"false"`
	Complete bool         `json:"complete" doc:"no flow is missing"`
	Reason   string       `json:"reason,omitempty" doc:"why some are"`
}

func describeExport(o *huma.Operation, r huma.Registry) {
	o.Description = fmt.Sprintf("Roughly newest first, at most %d flows. A file of CSV that is not complete ends in a line that begins with #.", MaxExport)
	o.Responses = map[string]*huma.Response{"200": {Description: "The file, as it is read", Content: map[string]*huma.MediaType{
		"text/csv":         {Schema: &huma.Schema{Type: huma.TypeString}},
		"application/json": {Schema: huma.SchemaFromType(r, reflect.TypeFor[ExportDocument]())},
	}}}
}

func (h *handlers) export(_ context.Context, in *ExportInput) (*huma.StreamResponse, error) {
	s, err := in.selection(h.deps.Clock())
	if err != nil {
		return nil, err
	}
	s.Limit = MaxExport
	return &huma.StreamResponse{Body: func(c huma.Context) {
		r, to := humago.Unwrap(c)
		out := &patient{to: to, control: http.NewResponseController(to)}
		file := newExportFile(in.Format, out)
		to.Header().Set("Content-Type", file.mediaType())
		to.Header().Set("Content-Disposition", `attachment; filename="flows.`+in.Format+`"`)
		if r.Method == http.MethodHead {
			return
		}
		more, err := h.deps.Flows.Export(c.Context(), s, file.write)
		reason := ""
		switch {
		case out.err != nil || c.Context().Err() != nil:
			return // nobody reads it any more
		case errors.Is(err, query.ErrBusy) || errors.Is(err, query.ErrDamaged) || errors.Is(err, context.DeadlineExceeded):
			reason = err.Error()
		case err != nil:
			h.deps.Logger.ErrorContext(c.Context(), "request failed", "what", "export flows", "error", err)
			reason = "the history could not be read; the server's log says why"
		case more:
			reason = fmt.Sprintf("there are more than %d flows; ask for less time or a narrower filter", MaxExport)
		}
		_ = file.end(reason) // the connection is gone, which nobody can be told
	}}, nil
}

// patient writes to a client that may take ten seconds for each piece.
type patient struct {
	to      io.Writer
	control *http.ResponseController
	err     error
}

// Write extends the time limit of the connection.
func (p *patient) Write(b []byte) (int, error) {
	if err := p.control.SetWriteDeadline(time.Now().Add(takeWithin)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		p.err = err
		return 0, err
	}
	n, err := p.to.Write(b)
	if err != nil {
		p.err = err
	}
	return n, err
}

// exportFile writes flows in one format.
type exportFile interface {
	mediaType() string
	write(f *query.Flow) error
	// end says why flows are missing, "" when none is.
	end(reason string) error
}

func newExportFile(format string, w io.Writer) exportFile {
	buffered := bufio.NewWriterSize(w, 64<<10)
	if format == "json" {
		return &jsonFile{w: buffered}
	}
	return &csvFile{buffered: buffered, w: csv.NewWriter(buffered)}
}

type jsonFile struct {
	w     *bufio.Writer
	flows int
}

func (*jsonFile) mediaType() string { return "application/json" }

func (j *jsonFile) write(f *query.Flow) error {
	begin := `{"flows":[`
	if j.flows++; j.flows > 1 {
		begin = ",\n"
	}
	data, err := json.Marshal(f)
	if err != nil {
		return err
	}
	_, err = j.w.WriteString(begin)
	_, err2 := j.w.Write(data)
	return errors.Join(err, err2)
}

func (j *jsonFile) end(reason string) error {
	if j.flows == 0 {
		_, _ = j.w.WriteString(`{"flows":[`) // Flush tells the error
	}
	data, err := json.Marshal(reason)
	if err != nil {
		return err
	}
	tail := `],"complete":true}` + "\n"
	if reason != "" {
		tail = `],"complete":false,"reason":` + string(data) + "}\n"
	}
	_, _ = j.w.WriteString(tail) // likewise
	return j.w.Flush()
}

type csvFile struct {
	buffered *bufio.Writer
	w        *csv.Writer
	begun    bool
	row      []string
}

func (*csvFile) mediaType() string { return "text/csv; charset=utf-8" }

func (c *csvFile) header() error {
	if c.begun {
		return nil
	}
	c.begun = true
	return c.w.Write([]string{
		"received", "start", "end", "source", "destination", "source_port", "destination_port", "protocol", "tcp_flags",
		"bytes", "packets", "sampling", "exporter", "input", "output", "source_as", "destination_as", "direction",
	})
}

func (c *csvFile) write(f *query.Flow) error {
	if err := c.header(); err != nil {
		return err
	}
	number := func(n uint64) string { return strconv.FormatUint(n, 10) }
	c.row = append(c.row[:0],
		f.Received.Format(time.RFC3339Nano), f.Start.Format(time.RFC3339Nano), f.End.Format(time.RFC3339Nano), f.Source, f.Destination,
		number(uint64(f.SourcePort)), number(uint64(f.DestinationPort)), f.Protocol, f.TCPFlags, number(f.Bytes), number(f.Packets),
		number(uint64(f.Sampling)), f.Exporter, number(uint64(f.Input)), number(uint64(f.Output)), number(uint64(f.SourceAS)),
		number(uint64(f.DestinationAS)), f.Direction,
	)
	return c.w.Write(c.row)
}

func (c *csvFile) end(reason string) error {
	if err := c.header(); err != nil {
		return err
	}
	c.w.Flush()
	if reason != "" {
		_, _ = fmt.Fprintf(c.buffered, "# %s\n", reason) // Flush tells the error
	}
	return errors.Join(c.w.Error(), c.buffered.Flush())
}
