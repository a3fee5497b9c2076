package pkcs11

import (
	"errors"
	"testing"

	"vidimus/internal/keys"
)

func TestAddress(t *testing.T) {
	a, err := parseAddress("pkcs11:token=The%20State;object=ds;id=%01%ff?module-path=/lib/p.so&pin-source=file:/run/pin")
	want := address{module: "/lib/p.so", token: "The State", object: "ds", id: "\x01\xff", pinSource: "/run/pin"}
	if err != nil || a != want {
		t.Errorf("%+v, %v", a, err)
	}
	const rest = ";module-path=/lib/p.so;pin-source=/run/pin"
	for name, uri := range map[string]string{
		"scheme":          "soft:path=/x",
		"no_token":        "pkcs11:object=ds" + rest,
		"no_object":       "pkcs11:token=state" + rest,
		"no_module":       "pkcs11:token=state;object=ds;pin-source=/run/pin",
		"no_pin_source":   "pkcs11:token=state;object=ds;module-path=/lib/p.so",
		"relative_module": "pkcs11:token=state;object=ds;module-path=p.so;pin-source=/run/pin",
		"dots":            "pkcs11:token=state;object=ds;module-path=/lib/../p.so;pin-source=/run/pin",
		"pin_as_command":  "pkcs11:token=state;object=ds;module-path=/lib/p.so;pin-source=|cat",
		"unknown":         "pkcs11:token=state;object=ds;serial=1" + rest,
		"module_name":     "pkcs11:token=state;object=ds;module-name=p11" + rest,
		"long_label":      "pkcs11:token=0123456789012345678901234567890123;object=ds" + rest,
		"pin_value":       "pkcs11:token=state;object=ds;pin-value=1234" + rest,
	} {
		t.Run(name, func(t *testing.T) {
			if a, err := parseAddress(uri); !errors.Is(err, keys.ErrURI) || a != (address{}) {
				t.Errorf("%+v, %v", a, err)
			}
		})
	}
}
