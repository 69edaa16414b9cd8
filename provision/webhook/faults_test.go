package webhook_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"apono/provision"
	"apono/provision/webhook"
)

func TestStatuses(t *testing.T) {
	tests := []struct {
		status, tries int
		kind          provision.Kind
	}{
		{300, 1, provision.KindRefused},
		{301, 1, provision.KindRefused},
		{302, 1, provision.KindRefused},
		{303, 1, provision.KindRefused},
		{304, 1, provision.KindRefused},
		{307, 1, provision.KindRefused},
		{308, 1, provision.KindRefused},
		{400, 1, provision.KindRefused},
		{401, 1, provision.KindRefused},
		{403, 1, provision.KindRefused},
		{404, 1, provision.KindRefused},
		{408, 3, provision.KindRetry},
		{409, 1, provision.KindRefused},
		{410, 1, provision.KindRefused},
		{422, 1, provision.KindRefused},
		{425, 1, provision.KindRefused},
		{429, 3, provision.KindRetry},
		{500, 3, provision.KindRetry},
		{501, 3, provision.KindRetry},
		{502, 3, provision.KindRetry},
		{503, 3, provision.KindRetry},
		{504, 3, provision.KindRetry},
		{599, 3, provision.KindRetry},
		{200, 1, provision.KindUnknown}, // without JSON
		{204, 1, provision.KindUnknown},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.status), func(t *testing.T) {
			inBubble(t, says(tt.status, ""), func(w *world) {
				began := time.Now()
				_, err := w.driver.Grant(w.Context(), w.grant("", mixed()...))
				w.wantKind(err, tt.kind)
				if provision.RetryAfterOf(err) != 0 {
					w.Errorf("retry after %s", provision.RetryAfterOf(err))
				}
				if n := len(w.take()); n != tt.tries {
					w.Errorf("%d tries, want %d", n, tt.tries)
				}
				least, most := time.Duration(0), time.Millisecond
				if tt.tries == 3 { // half a second and a second, half of each left to chance
					least, most = 750*time.Millisecond, 1500*time.Millisecond
				}
				if took := time.Since(began); took < least || took > most {
					w.Errorf("took %s, want %s to %s", took, least, most)
				}
			})
		})
	}
}

func TestRecoversAtTheThirdTry(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		w.target.FailNext(2, http.StatusInternalServerError)
		w.mustGrant(w.grant("", item("database", "orders", "read")))
		want := []string{"create-credentials", "create-credentials", "create-credentials", "grant-access"}
		if diff := cmp.Diff(want, w.events()); diff != "" {
			w.Errorf("calls (-want +got):\n%s", diff)
		}
	})
}

func TestRetryAfter(t *testing.T) {
	tests := map[string]struct {
		header string
		tries  int
		took   time.Duration
		after  time.Duration // told to the caller
	}{
		"short":            {"2", 3, 4 * time.Second, 2 * time.Second},
		"as long as it is": {"5", 3, 10 * time.Second, 5 * time.Second},
		"long":             {"6", 1, 0, 6 * time.Second},
		"very long":        {"999999999", 1, 0, 24 * time.Hour},
		"a date":           {"Sat, 01 Jan 2000 00:10:00 GMT", 1, 0, 10 * time.Minute}, // a bubble begins at 2000-01-01
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			busy := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", tt.header)
				w.WriteHeader(http.StatusTooManyRequests)
			})
			inBubble(t, busy, func(w *world) {
				began := time.Now()
				err := w.ping()
				w.wantKind(err, provision.KindRetry)
				if got := provision.RetryAfterOf(err); got != tt.after {
					w.Errorf("retry after %s, want %s", got, tt.after)
				}
				if took := time.Since(began); took != tt.took {
					w.Errorf("took %s, want %s", took, tt.took)
				}
				if n := len(w.take()); n != tt.tries {
					w.Errorf("%d tries, want %d", n, tt.tries)
				}
			})
		})
	}
}

func TestRetryAfterThatMeansNothing(t *testing.T) {
	for _, header := range []string{"-1", "soon", "1e9", "Fri, 31 Dec 1999 23:59:00 GMT"} {
		busy := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", header)
			w.WriteHeader(http.StatusServiceUnavailable)
		})
		inBubble(t, busy, func(w *world) {
			err := w.ping()
			w.wantKind(err, provision.KindRetry)
			if got := provision.RetryAfterOf(err); got != 0 {
				w.Errorf("%s: retry after %s", header, got)
			}
			if n := len(w.take()); n != 3 {
				w.Errorf("%s: %d tries, want 3", header, n)
			}
		})
	}
}

// TestRetryAfterBeyondTheDeadline wants the answer told now, not a deadline that
// is sure to pass.
func TestRetryAfterBeyondTheDeadline(t *testing.T) {
	busy := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "4")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	inBubble(t, busy, func(w *world) {
		ctx, cancel := context.WithTimeout(w.Context(), 3*time.Second)
		defer cancel()
		err := w.driver.(provision.Pinger).Ping(ctx)
		w.wantKind(err, provision.KindRetry)
		if got := provision.RetryAfterOf(err); got != 4*time.Second || ctx.Err() != nil {
			w.Errorf("retry after %s, context %v", got, ctx.Err())
		}
	})
}

func TestSlow(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		_, release := w.target.Hang()
		defer release()
		began := time.Now()
		err := w.ping()
		w.wantKind(err, provision.KindUnknown)
		if got, want := provision.MessageOf(err), "The system did not answer in time."; got != want {
			w.Errorf("message %q, want %q", got, want)
		}
		if took := time.Since(began); took < 30*time.Second || took > 32*time.Second {
			w.Errorf("took %s, want three times ten seconds and the waits between", took)
		}
		_ = w.driver.Close()
		w.driver = connect(w.T, "timeout: 1s\nurl: "+pipeURL+"\nsecret: "+secretText, w.dialer())
		began = time.Now()
		w.wantKind(w.ping(), provision.KindUnknown)
		if took := time.Since(began); took < 3*time.Second || took > 5*time.Second {
			w.Errorf("took %s, want three times one second and the waits between", took)
		}
	})
}

// TestSlowBody sends headers in time and the body never.
func TestSlowBody(t *testing.T) {
	drip := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(`{"status":`))
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	inBubble(t, drip, func(w *world) {
		err := w.ping()
		w.wantKind(err, provision.KindUnknown)
		if n := len(w.take()); n != 3 {
			w.Errorf("%d tries, want 3", n)
		}
	})
}

// TestAnswerLost has its effect and loses the answer: the repeat is thrown away
// by its id, and its answer is the one that was lost.
func TestAnswerLost(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		reached, release := w.target.Hang()
		go func() { <-reached; time.Sleep(11 * time.Second); release() }()
		c := w.mustGrant(w.grant("", item("database", "orders", "read")))
		if len(c.Fields) != 2 || w.target.Received("create-credentials") != 2 || w.target.Done("create-credentials") != 1 {
			w.Errorf("fields %v, received %d, done %d", c.Fields, w.target.Received("create-credentials"), w.target.Done("create-credentials"))
		}
	})
}

func TestDown(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		up := w.target.Down()
		err := w.ping()
		w.wantKind(err, provision.KindUnknown) // it broke off after the call was sent
		if n := len(w.take()); n != 3 {
			w.Errorf("%d tries, want 3", n)
		}
		up()
		if err := w.ping(); err != nil {
			w.Error(err)
		}
		_ = w.driver.Close() // and with it the idle connection
		_ = w.pipe.Close()
		err = w.ping()
		w.wantKind(err, provision.KindRetry) // nothing was sent
		if got, want := provision.MessageOf(err), "The system could not be reached."; got != want {
			w.Errorf("message %q, want %q", got, want)
		}
	})
}

func TestHugeAnswers(t *testing.T) {
	pad := func(n int) string {
		return `{"status":"ok","padding":"` + strings.Repeat("x", n-len(`{"status":"ok","padding":""}`)) + `"}`
	}
	inBubble(t, says(200, pad(1<<20)), func(w *world) {
		if err := w.ping(); err != nil {
			w.Errorf("1 MiB: %v", err)
		}
	})
	for _, status := range []int{200, 500} {
		inBubble(t, says(status, pad(1<<20+1)), func(w *world) {
			err := w.ping()
			w.wantKind(err, provision.KindUnknown)
			if got, want := provision.MessageOf(err), "The answer of the system is too long."; got != want {
				w.Errorf("message %q, want %q", got, want)
			}
			if n := len(w.take()); n != 1 {
				w.Errorf("%d tries, want 1", n)
			}
		})
	}
	endless := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for {
			if _, err := w.Write([]byte(strings.Repeat(" ", 1<<16))); err != nil {
				return
			}
		}
	})
	inBubble(t, endless, func(w *world) { w.wantKind(w.ping(), provision.KindUnknown) })
	heads := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Padding", strings.Repeat("x", 1<<20))
		_, _ = w.Write([]byte(`{"status":"ok"}`))
	})
	inBubble(t, heads, func(w *world) { w.wantKind(w.ping(), provision.KindUnknown) })
}

func TestAnswersThatCannotBeUnderstood(t *testing.T) {
	for _, body := range []string{
		"", "ok", "null", "[]", `"ok"`, `{}`, `{"status":""}`, `{"status":"OK"}`, `{"status":"pending"}`, `{"status":true}`,
		`{"status":"ok"`, `{"status":"ok"} {"status":"ok"}`, `{"status":"unsupported"}`, `{"status":"error","retry":"no"}`, "<html>",
	} {
		inBubble(t, says(200, body), func(w *world) {
			err := w.ping()
			w.wantKind(err, provision.KindUnknown)
			if n := len(w.take()); n != 1 {
				w.Errorf("%q: %d tries, want 1", body, n)
			}
		})
	}
}

func TestMessages(t *testing.T) {
	long := strings.Repeat("ж", 400)
	tests := map[string]struct {
		status  int
		body    string
		kind    provision.Kind
		message string
	}{
		"refused":         {200, `{"status":"error","message":"No such box.","retry":false}`, provision.KindRefused, "No such box."},
		"retry":           {200, `{"status":"error","message":"Busy.","retry":true}`, provision.KindRetry, "Busy."},
		"without retry":   {200, `{"status":"error","message":"No."}`, provision.KindRefused, "No."},
		"without message": {200, `{"status":"error"}`, provision.KindRefused, "The system refused without a reason."},
		"blank":           {200, `{"status":"error","message":" \u0000\n "}`, provision.KindRefused, "The system refused without a reason."},
		"controls":        {200, `{"status":"error","message":"a\u001b[31m\r\nb\u202ec\u0007\td\u200f"}`, provision.KindRefused, "a[31m bc d"},
		"markup is data":  {200, `{"status":"error","message":"<!channel> %s *x*"}`, provision.KindRefused, "<!channel> %s *x*"},
		"long":            {200, `{"status":"error","message":"` + long + `"}`, provision.KindRefused, strings.Repeat("ж", 299) + "…"},
		"just fits":       {200, `{"status":"error","message":"` + long[:600] + `"}`, provision.KindRefused, long[:600]},
		"status 400":      {400, `{"status":"error","message":"Bad."}`, provision.KindRefused, "Bad."},
		"status 409":      {409, `{"status":"error","message":"Later.","retry":true}`, provision.KindRetry, "Later."},
		"status 500":      {500, `{"status":"error","message":"Broken.","retry":false}`, provision.KindRetry, "Broken."},
		"status 404":      {404, `<html>`, provision.KindRefused, "The system answered with HTTP status 404."},
		"status ok":       {403, `{"status":"ok","message":"hm"}`, provision.KindRefused, "The system answered with HTTP status 403."},
		"redirect":        {302, ``, provision.KindRefused, "The system answered with a redirect that is not followed."},
		"our own secret":  {401, `{"status":"error","message":"Is it ` + secretText + ` or ` + secretText[6:] + `?"}`, provision.KindRefused, "Is it ***** or *****?"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			inBubble(t, says(tt.status, tt.body), func(w *world) {
				err := w.ping()
				w.wantKind(err, tt.kind)
				got := provision.MessageOf(err)
				if diff := cmp.Diff(tt.message, got); diff != "" || utf8.RuneCountInString(got) > 300 {
					w.Errorf("message (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// TestNothingOfTheAnswerInErrors sends credentials in answers that cannot be
// used, over HTTP and past it.
func TestNothingOfTheAnswerInErrors(t *testing.T) {
	const password = "4711815"
	unusable := map[string]string{
		"not JSON":          `{"status":"ok","credentials":{"password":"` + password + `"`,
		"wrong type":        `{"status":"ok","credentials":{"password":["` + password + `"]}}`,
		"number for status": `{"status":` + password + `}`,
		"credentials text":  `{"status":"ok","credentials":"` + password + `"}`,
	}
	check := func(w *world, name string, err error) {
		if err == nil || strings.Contains(fmt.Sprintf("%v %+v %s", err, err, provision.MessageOf(err)), password) {
			w.Errorf("%s: error %v", name, err)
		}
	}
	for name, body := range unusable {
		inBubble(t, says(200, body), func(w *world) {
			_, err := w.driver.Grant(w.Context(), w.grant("", mixed()...))
			w.wantKind(err, provision.KindUnknown)
			check(w, name, err)
		})
	}
	for name, raw := range map[string]string{
		"no HTTP":          password + "\r\n\r\n",
		"no status":        "HTTP/1.1 " + password + " x\r\n\r\n",
		"a bad header":     "HTTP/1.1 200 OK\r\n" + password + "\r\n\r\n",
		"a bad length":     "HTTP/1.1 200 OK\r\nContent-Length: " + password + "x\r\n\r\n",
		"cut":              "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n" + password,
		"a bad chunk":      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + password + "z\r\n",
		"a bad Location":   "HTTP/1.1 307 x\r\nLocation: http://%" + password + "/\r\nContent-Length: 0\r\n\r\n",
		"an answer to TLS": "HTTP/1.0 400 Bad Request\r\n\r\n" + password,
	} {
		synctest.Test(t, func(t *testing.T) {
			w := &world{T: t}
			dial := func(context.Context, string, string) (net.Conn, error) {
				client, server := net.Pipe()
				go func() {
					_, _ = server.Read(make([]byte, 64<<10))
					_, _ = server.Write([]byte(raw))
					_ = server.Close()
				}()
				return client, nil
			}
			url := pipeURL
			if name == "an answer to TLS" {
				url = "https://127.0.0.1:1/"
			}
			w.driver = connect(t, configFor(url), webhook.WithDialer(dial))
			defer w.driver.Close()
			check(w, name, w.ping())
		})
	}
}
