package main

import (
	"encoding/hex"
	"fmt"
	"math"
	"reflect"
	"runtime"
	"strconv"
	"time"
	"unicode/utf8"
)

type object = map[string]any

func hexa(p uintptr) any {
	if p == 0 {
		return nil
	}
	return fmt.Sprintf("%#x", p)
}

func number64(f float64) any {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "+Inf"
	case math.IsInf(f, -1):
		return "-Inf"
	}
	return f
}

func number32(f float32) any {
	if math.IsNaN(float64(f)) || math.IsInf(float64(f), 0) {
		return number64(float64(f))
	}
	short, _ := strconv.ParseFloat(strconv.FormatFloat(float64(f), 'g', -1, 32), 64)
	return short
}

func text(s string) any {
	if utf8.ValidString(s) {
		return s
	}
	return object{"hex": hex.EncodeToString([]byte(s))}
}

type walked struct {
	t reflect.Type
	p uintptr
}

// dump says what a value is, as plain data. Plain values are themselves, all others objects with their kind.
func dump(v reflect.Value, path []walked) any {
	if !v.IsValid() {
		return nil
	}
	within := func(p uintptr) ([]walked, bool) {
		w := walked{v.Type(), p}
		for _, x := range path {
			if x == w {
				return path, true
			}
		}
		return append(path[:len(path):len(path)], w), false
	}
	out := object{"kind": v.Kind().String(), "type": v.Type().String()}
	switch v.Kind() {
	case reflect.Bool:
		return v.Bool()
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return v.Int()
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return v.Uint()
	case reflect.Float32:
		return number32(float32(v.Float()))
	case reflect.Float64:
		return number64(v.Float())
	case reflect.Complex64:
		c := complex64(v.Complex())
		return object{"real": number32(real(c)), "imag": number32(imag(c))}
	case reflect.Complex128:
		return object{"real": number64(real(v.Complex())), "imag": number64(imag(v.Complex()))}
	case reflect.String:
		return text(v.String())
	case reflect.Array, reflect.Slice:
		out["len"] = v.Len()
		if v.Kind() == reflect.Slice {
			out["nil"], out["cap"] = v.IsNil(), v.Cap()
		}
		if v.Type().Elem().Kind() == reflect.Uint8 && !(v.Kind() == reflect.Slice && v.IsNil()) {
			raw := make([]byte, v.Len())
			for i := range raw {
				raw[i] = byte(v.Index(i).Uint())
			}
			out["hex"] = hex.EncodeToString(raw)
			return out
		}
		items := []any{}
		for i := 0; i < v.Len(); i++ {
			items = append(items, dump(v.Index(i), path))
		}
		out["items"] = items
	case reflect.Struct:
		fields := []any{}
		for i := 0; i < v.NumField(); i++ {
			fields = append(fields, []any{v.Type().Field(i).Name, dump(v.Field(i), path)})
		}
		out["fields"] = fields
	case reflect.Map:
		out["len"], out["nil"], out["pointer"] = v.Len(), v.IsNil(), hexa(v.Pointer())
		entries := []any{}
		for it := v.MapRange(); it.Next(); {
			entries = append(entries, []any{dump(it.Key(), path), dump(it.Value(), path)})
		}
		out["entries"] = entries
	case reflect.Pointer:
		out["pointer"] = hexa(v.Pointer())
		if v.IsNil() {
			return out
		}
		deeper, cycle := within(v.Pointer())
		if cycle {
			out["cycle"] = true
			return out
		}
		out["target"] = dump(v.Elem(), deeper)
	case reflect.Interface:
		if v.IsNil() {
			out["holds"] = nil
			return out
		}
		out["holds"] = object{"type": v.Elem().Type().String(), "value": dump(v.Elem(), path)}
	case reflect.Chan:
		out["pointer"], out["nil"] = hexa(v.Pointer()), v.IsNil()
		if !v.IsNil() {
			out["len"], out["cap"] = v.Len(), v.Cap()
		}
	case reflect.Func:
		if !v.IsNil() {
			out["text"] = runtime.FuncForPC(v.Pointer()).Name()
		}
	case reflect.UnsafePointer:
		out["pointer"] = hexa(v.Pointer())
	}
	return out
}

const layout = "2006-01-02 15:04:05.999999999 -0700 MST"

func texts() map[string]any {
	durations := []string{}
	for _, d := range TDurations {
		durations = append(durations, d.String())
	}
	out := map[string]any{
		"TDurations": durations,
		"TMonth":     "time." + TMonth.String(),
		"TDay":       "time." + TDay.String(),
		"NIP4":       NIP4.String(),
		"NIP6":       NIP6.String(),
		"NNet6":      NNet6.String(),
		"NHardware":  NHardware.String(),
		"NAddr4":     NAddr4.String(),
		"NAddr6":     NAddr6.String(),
		"NAddrZone":  NAddrZone.String(),
		"NAddr4In6":  NAddr4In6.String(),
		"NAddrNone":  NAddrNone.String(),
		"NAddrPort":  NAddrPort.String(),
		"NPrefix":    NPrefix.String(),
		"BSmall":     BSmall.String(),
		"BZero":      BZero.String(),
		"*BInt":      BInt.String(),
		"*BRat":      BRat.String(),
		"*NNet":      NNet.String(),
	}
	for name, t := range map[string]time.Time{
		"TZero": TZero, "TUTC": TUTC, "TFixed": TFixed, "TZurich": TZurich, "TSummer": TSummer, "TNow": TNow,
		"TOld": TOld, "TUnix": TUnix,
	} {
		out[name] = t.Format(layout)
	}
	return out
}

func goSyntax() map[string]string {
	return map[string]string{
		"VBool": fmt.Sprintf("%#v", VBool), "VInt": fmt.Sprintf("%#v", VInt), "VInt8": fmt.Sprintf("%#v", VInt8),
		"VInt64": fmt.Sprintf("%#v", VInt64), "VFloat32": fmt.Sprintf("%#v", VFloat32),
		"VFloat64": fmt.Sprintf("%#v", VFloat64), "VNaN": fmt.Sprintf("%#v", VNaN), "VInf": fmt.Sprintf("%#v", VInf),
		"VNegInf": fmt.Sprintf("%#v", VNegInf), "VNegZero": fmt.Sprintf("%#v", VNegZero),
		"VFloats": fmt.Sprintf("%#v", VFloats), "VSmall": fmt.Sprintf("%#v", VSmall),
		"VComplex64": fmt.Sprintf("%#v", VComplex64), "VComplex128": fmt.Sprintf("%#v", VComplex128),
		"VCelsius": fmt.Sprintf("%#v", VCelsius), "VName": fmt.Sprintf("%#v", VName),
		"VString": fmt.Sprintf("%#v", VString), "VEmpty": fmt.Sprintf("%#v", VEmpty),
		"VBadUTF8": fmt.Sprintf("%#v", VBadUTF8), "VStrings": fmt.Sprintf("%#v", VStrings),
		"VHash": fmt.Sprintf("%#v", VHash), "VArray": fmt.Sprintf("%#v", VArray), "VNested": fmt.Sprintf("%#v", VNested),
		"VNone": fmt.Sprintf("%#v", VNone), "VSlice": fmt.Sprintf("%#v", VSlice), "VSub": fmt.Sprintf("%#v", VSub),
		"VNilSlice": fmt.Sprintf("%#v", VNilSlice), "VNoSlice": fmt.Sprintf("%#v", VNoSlice),
		"VStructs": fmt.Sprintf("%#v", VStructs), "VPoint": fmt.Sprintf("%#v", VPoint),
		"VEmpties": fmt.Sprintf("%#v", VEmpties), "VPair": fmt.Sprintf("%#v", VPair), "VUintptr": fmt.Sprintf("%#v", VUintptr),
		"MNil": fmt.Sprintf("%#v", MNil), "MEmpty": fmt.Sprintf("%#v", MEmpty), "MOne": fmt.Sprintf("%#v", MOne),
		"MEight": fmt.Sprintf("%#v", MEight), "MNine": fmt.Sprintf("%#v", MNine), "MStrings": fmt.Sprintf("%#v", MStrings),
		"MFloats": fmt.Sprintf("%#v", MFloats), "MSet": fmt.Sprintf("%#v", MSet), "MBools": fmt.Sprintf("%#v", MBools),
		"VNilUser": fmt.Sprintf("%#v", VNilUser), "VShape": fmt.Sprintf("%#v", VShape),
		"VNilBytes": fmt.Sprintf("%#v", VNilBytes), "VNoBytes": fmt.Sprintf("%#v", VNoBytes),
	}
}
