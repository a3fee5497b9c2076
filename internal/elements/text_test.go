package elements

import "testing"

func TestLatinize(t *testing.T) {
	for from, want := range map[string]string{
		"Müller": "Müller", "Čapek": "Capek", "Łukasiewicz": "Lukasiewicz", "Őrsi": "Orsi", "Đorđević": "Dordevic",
		"Nguyễn Thị": "Nguyen Thi", "Ştefan Țară": "Stefan Tara", "O’Neill": "O'Neill", "Straẞe": "StraSSe", "I\u0307stanbul": "Istanbul",
	} {
		if got, ok := Latinize(from); !ok || got != want {
			t.Errorf("%q became %q, %v, want %q", from, got, ok, want)
		}
	}
	for _, s := range []string{"Παπαδόπουλος", "Иванов", "東京", "Müller-Иванов", "علي"} {
		if got, ok := Latinize(s); ok {
			t.Errorf("%q became %q", s, got)
		}
	}
}
