package issuerhttp

import (
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	"vidimus/internal/problem"
	"vidimus/internal/registry"
	"vidimus/internal/webserver"
)

// ReceiptsPath is where registries read what became of their events, in order.
const ReceiptsPath = "/registry/v1/receipts"

// receipt answers what became of an event.
func (cfg RegistryConfig) receipt(c *gin.Context) error {
	peer, err := cfg.reader(c)
	if err != nil {
		return err
	}
	token, err := cfg.Inbox.Receipt(c.Request.Context(), peer, c.Param("jti"))
	if err != nil {
		return err
	}
	webserver.Bytes(c, http.StatusOK, "application/"+registry.ReceiptType, []byte(token))
	return nil
}

// receipts gives a page of the feed: those whose number is above after.
func (cfg RegistryConfig) receipts(c *gin.Context) error {
	peer, err := cfg.reader(c)
	if err != nil {
		return err
	}
	after, err := number(c, "after", 64)
	if err != nil {
		return err
	}
	limit, err := number(c, "limit", 31)
	if err != nil {
		return err
	}
	page, err := cfg.Inbox.Feed(c.Request.Context(), peer, after, int(limit))
	if err != nil {
		return err
	}
	ok(c, page)
	return nil
}

// reader names the source that asks. A connection that does not authenticate
// names it in the query.
func (cfg RegistryConfig) reader(c *gin.Context) (string, error) {
	peer, err := cfg.Peer(c.Request)
	if err == nil && peer == "" {
		peer = c.Query("source")
	}
	webserver.Annotate(c, "source", peer)
	return peer, err
}

// number reads a parameter of the query, 0 when it is absent.
func number(c *gin.Context, name string, bits int) (uint64, error) {
	text, given := c.GetQuery(name)
	if !given {
		return 0, nil
	}
	n, err := strconv.ParseUint(text, 10, bits)
	if err != nil {
		return 0, problem.New(problem.InvalidRequest, "%s is not a number", name)
	}
	return n, nil
}
