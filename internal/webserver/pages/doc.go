// Package pages is what the pages for citizens have in common: their frame and
// style, the choice of a language, cookies, forms, and the page that says why
// something did not work.
//
// Start with New for a Site, Site.Route for a route whose handler draws a page,
// and Visit.Show to draw it. The rooms bring their own templates, which use
// those of page/layout.html: "top", "bottom", "field".
//
// Pages are drawn by the server and work without any script; none is served.
// They follow WCAG 2.1, level AA, and have no form in their frame: the first
// form of a page is that of its content.
//
// What it refuses: a form that a browser sends for a page of another site, a
// field that stands twice, two cookies of one name (one of them was planted). A
// page loads styles and pictures of this server and nothing else (CSP level 3),
// is not cached, not framed, and tells nobody where it was left.
//
// Written after RFC 6265bis (cookies with the prefix __Host-), the Fetch
// standard (Sec-Fetch-Site), and CSP level 3. Cookies are SameSite=Lax: a login
// comes back from another site.
package pages
