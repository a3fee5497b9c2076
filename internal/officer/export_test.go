package officer

// WithLogin is an access in the hands of somebody else.
func WithLogin(a Access, l Login) Access { a.login = l; return a }
