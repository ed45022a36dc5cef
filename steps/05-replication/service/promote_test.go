package service_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"zeyrho/steps/03-server/server"
	"zeyrho/steps/05-replication/node"
	"zeyrho/steps/05-replication/script"
	"zeyrho/steps/05-replication/service"
)

func TestAnOperatorMakesANodeLead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, options{})
		c.put(1, "k", "v")
		a := c.do(2, "POST", "/promote", "with a body that nobody reads")
		require.Equal(t, 200, a.StatusCode)
		require.Equal(t, "application/json", a.Header.Get("Content-Type"))
		require.JSONEq(t, `{"epoch": "2.n2"}`, a.body)
		synctest.Wait()
		require.Equal(t, "v", c.do(2, "GET", "/kv/k", "").body)
		require.Equal(t, "4@2.n2", c.put(2, "k", "w"))
		require.Equal(t, "http://n2/kv/k", c.do(1, "GET", "/kv/k", "").Header.Get("Location"))
		require.Equal(t, "3.n1", c.promote(1))
	})
}

func TestAPromotionThatMakesNoSenseIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, options{idle: true, nodes: 1})
		a := c.do(1, "POST", "/promote", "")
		require.Equal(t, 409, a.StatusCode)
		require.Equal(t, service.CodeRefused, a.code())
		require.Contains(t, a.problem().Detail, "n1 has nothing on its disk")

		c = start(t, options{})
		a = c.do(1, "POST", "/promote", "")
		require.Equal(t, service.CodeRefused, a.code())
		require.Equal(t, "n1 leads already, in epoch 1.n1", a.problem().Detail)
		for _, method := range []string{"GET", "PUT", "DELETE"} {
			a = c.do(2, method, "/promote", "")
			require.Equal(t, 405, a.StatusCode)
			require.Equal(t, server.CodeMethod, a.code())
			require.Equal(t, "POST", a.Header.Get("Allow"))
		}
		require.Equal(t, 405, c.do(2, "HEAD", "/promote", "").StatusCode)
		require.Equal(t, server.CodeNoSuchPath, c.do(2, "POST", "/promote/", "").code())
		require.Equal(t, server.CodeNoSuchPath, c.do(2, "POST", "/%70romote", "").code())
		require.Contains(t, c.do(2, "GET", "/status", "").body, `"epoch":"1.n1"`, "none of that was done")
	})
}

// The answer is about the promotion, also if that was over at once.
func TestAPromotionSaysInWhichEpochItWas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, options{acks: 1})
		c.sites[1].disk.hold()
		first := c.later(t.Context(), 2, "POST", "/promote", "")
		c.isolate(2, true)
		require.Equal(t, "2.n3", c.promote(3))
		c.isolate(2, false)
		time.Sleep(time.Second)
		c.sites[1].disk.release()
		require.JSONEq(t, `{"epoch": "2.n2"}`, (<-first).body)
	})
}

func TestAPromotionThatMayHaveHappenedIsNotCalledRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, options{})
		c.sites[1].disk.hold()
		began := time.Now()
		a := c.do(2, "POST", "/promote", "")
		require.Equal(t, 500, a.StatusCode)
		require.Equal(t, server.CodeUnknown, a.code())
		require.Contains(t, a.problem().Detail, "the disk has not answered within 10s")
		require.Equal(t, 10*time.Second, time.Since(began))
		c.sites[1].disk.release()
		synctest.Wait()
		require.Equal(t, 200, c.do(2, "GET", "/kv?read=leader", "").StatusCode, "it leads")
	})
}

func TestWhoLeadsOnAFullDiskIsNotToldThatHeDoesNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, options{})
		disk := c.sites[1].disk
		disk.when(func(op, name string) error {
			if op == "append" && name != "epoch.new" {
				return script.ErrFull
			}
			return nil
		})
		a := c.do(2, "POST", "/promote", "")
		require.Equal(t, server.CodeUnknown, a.code())
		require.Contains(t, a.problem().Detail, "no space left on device")
		disk.when(nil)
		time.Sleep(time.Second)
		require.Equal(t, 204, c.do(2, "PUT", "/kv/k", "v").StatusCode, "as soon as there is room")
	})
}

func TestWhoDoesNotWaitForAPromotionMayHavePromoted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, options{})
		c.sites[1].disk.hold()
		ctx, giveUp := context.WithCancel(t.Context())
		gone := c.later(ctx, 2, "POST", "/promote", "")
		giveUp()
		<-gone
		c.sites[1].disk.release()
		time.Sleep(time.Second)
		require.Equal(t, "http://n2/kv/k", c.do(1, "GET", "/kv/k", "").Header.Get("Location"))
	})
}

func TestWhileAServerDrainsWhatWasBegunIsAnsweredAndNothingIsBegun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, options{})
		for i, begun := range []string{"PUT /kv/k", "POST /promote"} {
			s, id := c.sites[i], node.ID(i+1)
			request := func(text string) string { return text + " HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n" }
			s.disk.hold()
			busy, late := make(chan answer, 1), c.connect(id)
			conn := c.connect(id)
			go func() { busy <- c.exchange(conn, request(begun)) }()
			synctest.Wait()
			s.drain()
			synctest.Wait()
			require.Equal(t, server.CodeDraining, c.exchange(late, request("POST /promote")).code())
			require.Empty(t, busy)
			s.disk.release()
			require.Less(t, (<-busy).StatusCode, 300, begun)
			require.NoError(t, <-s.drained)
		}
		require.Contains(t, c.sites[1].status()["role"], "leader")
	})
}
