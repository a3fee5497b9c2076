package catalog

import (
	"embed"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

//go:embed builtin/*.yaml
var builtin embed.FS

// Catalog is the set of credential configurations of an office. It does not
// change once loaded.
type Catalog struct {
	order []string
	byID  map[string]*Configuration
}

// Load reads configuration files, and all *.yaml of folders, over the built-in
// configurations: one of the same id replaces, any other is added. A file may
// hold several YAML documents. Errors name file and line.
func Load(paths ...string) (*Catalog, error) {
	c := &Catalog{byID: map[string]*Configuration{}}
	for _, name := range []string{"mdl", "pid-mdoc", "pid-sd-jwt"} {
		file := "builtin/" + name + ".yaml"
		data, err := builtin.ReadFile(file)
		if err != nil {
			return nil, err
		}
		if err := c.add(file, data, nil); err != nil {
			return nil, err
		}
	}
	files, err := expand(paths)
	if err != nil {
		return nil, err
	}
	given := map[string]string{}
	for _, file := range files {
		data, err := readFile(file)
		if err != nil {
			return nil, err
		}
		if err := c.add(file, data, given); err != nil {
			return nil, err
		}
	}
	if len(c.order) > MaxConfigurations {
		return nil, fmt.Errorf("more than %d credential configurations", MaxConfigurations)
	}
	if err := c.checkScopes(); err != nil {
		return nil, err
	}
	return c, nil
}

// expand replaces folders by the YAML files in them.
func expand(paths []string) ([]string, error) {
	var files []string
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, fmt.Errorf("reading credential configuration: %w", err)
		}
		if !info.IsDir() {
			files = append(files, path)
			continue
		}
		inside, err := filepath.Glob(filepath.Join(strings.NewReplacer("*", `\*`, "?", `\?`, "[", `\[`).Replace(path), "*.yaml"))
		if err != nil {
			return nil, fmt.Errorf("reading credential configurations: %w", err)
		}
		files = append(files, inside...) // Glob sorts
	}
	return files, nil
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading credential configuration: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxFile+1))
	if err != nil {
		return nil, fmt.Errorf("reading credential configuration: %w", err)
	}
	return data, nil
}

// add compiles one file. given remembers which file brought an id, nil for the
// built-in ones: two files may not both define it.
func (c *Catalog) add(file string, data []byte, given map[string]string) error {
	configurations, err := parse(file, data)
	if err != nil {
		return err
	}
	for _, cfg := range configurations {
		if earlier, ok := given[cfg.ID]; ok {
			return fmt.Errorf("%s: configuration %q is also in %s", file, cfg.ID, earlier)
		}
		if given != nil {
			given[cfg.ID] = file
		}
		if c.byID[cfg.ID] == nil {
			c.order = append(c.order, cfg.ID)
		}
		c.byID[cfg.ID] = cfg
	}
	return nil
}

// parse reads the configurations of one file.
func parse(file string, data []byte) ([]*Configuration, error) {
	documents, err := parseFile(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	var all []*Configuration
	for _, p := range documents {
		cfg, err := compile(p)
		if err != nil {
			at := &lineError{}
			if !errors.As(err, &at) {
				at = &lineError{line: p.line("", -1), err: err}
			}
			return nil, fmt.Errorf("%s:%d: configuration %q: %w", file, at.line, p.ID, at.err)
		}
		if slices.ContainsFunc(all, func(o *Configuration) bool { return o.ID == cfg.ID }) {
			return nil, fmt.Errorf("%s:%d: configuration %q twice", file, p.line("id", -1), cfg.ID)
		}
		all = append(all, cfg)
	}
	return all, nil
}

// checkScopes: one scope leads to one credential type (HAIP 1.0, 4.1).
func (c *Catalog) checkScopes() error {
	for i, id := range c.order {
		a := c.byID[id]
		for _, other := range c.order[:i] {
			b := c.byID[other]
			if a.Scope == b.Scope && a.Type() != b.Type() {
				return fmt.Errorf("configurations %q and %q: one scope for two credential types", other, id)
			}
		}
	}
	return nil
}

// Configuration finds a configuration by its id.
func (c *Catalog) Configuration(id string) (*Configuration, bool) {
	cfg, ok := c.byID[id]
	return cfg, ok
}

// IDs gives the ids, the built-in ones first, then in the order of the files.
func (c *Catalog) IDs() []string { return slices.Clone(c.order) }

// lineError is an error with its line in the file.
type lineError struct {
	line int
	err  error
}

func (e *lineError) Error() string { return e.err.Error() }
func (e *lineError) Unwrap() error { return e.err }
