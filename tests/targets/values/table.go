package main

import "reflect"

func dumpAll() object {
	out := object{}
	for name, p := range map[string]any{
		"VBool": &VBool, "VInt": &VInt, "VInt8": &VInt8, "VInt16": &VInt16, "VInt32": &VInt32, "VInt64": &VInt64,
		"VUint": &VUint, "VUint8": &VUint8, "VUint16": &VUint16, "VUint32": &VUint32, "VUint64": &VUint64,
		"VUintptr": &VUintptr, "VFloat32": &VFloat32, "VFloat64": &VFloat64, "VNaN": &VNaN, "VInf": &VInf,
		"VNegInf": &VNegInf, "VNegZero": &VNegZero, "VFloats": &VFloats, "VSmall": &VSmall, "VComplex64": &VComplex64,
		"VComplex128": &VComplex128, "VCelsius": &VCelsius, "VColor": &VColor, "VName": &VName, "VString": &VString,
		"VEmpty": &VEmpty, "VBadUTF8": &VBadUTF8, "VLong": &VLong, "VCutRune": &VCutRune, "VStrings": &VStrings,
		"VBytes": &VBytes, "VTextBytes": &VTextBytes, "VNilBytes": &VNilBytes, "VNoBytes": &VNoBytes, "VHash": &VHash,
		"VArray": &VArray, "VNested": &VNested, "VNone": &VNone, "VSlice": &VSlice, "VSub": &VSub,
		"VNilSlice": &VNilSlice, "VNoSlice": &VNoSlice, "VStructs": &VStructs, "VEmpties": &VEmpties, "VPoint": &VPoint,
		"VPadded": &VPadded, "VPair": &VPair, "VTree": &VTree, "VUser": &VUser, "VAdmin": &VAdmin, "VNilUser": &VNilUser,
		"VPtrPtr": &VPtrPtr, "VCycle": &VCycle, "VList": &VList, "VAnon": &VAnon, "VUnsafe": &VUnsafe, "VAnys": &VAnys,
		"VShape": &VShape, "VShapePtr": &VShapePtr, "VNilShape": &VNilShape, "VError": &VError, "VStringer": &VStringer,
		"MNil": &MNil, "MEmpty": &MEmpty, "MOne": &MOne, "MEight": &MEight, "MNine": &MNine, "MLarge": &MLarge,
		"MStrings": &MStrings, "MHoles": &MHoles, "MGrowing": &MGrowing, "MSameSize": &MSameSize, "MKeys": &MKeys,
		"MPoints": &MPoints, "MArrays": &MArrays, "MAny": &MAny, "MShapes": &MShapes, "MBigElems": &MBigElems,
		"MBigKeys": &MBigKeys, "MBigBoth": &MBigBoth, "MSet": &MSet, "MFloats": &MFloats, "MBools": &MBools,
		"MNested": &MNested, "MPointers": &MPointers, "MUint8": &MUint8, "MMany": &MMany, "MStructs": &MStructs,
		"CNil": &CNil, "CEmpty": &CEmpty, "CRing": &CRing, "CStructs": &CStructs, "CClosed": &CClosed,
		"CSignal": &CSignal, "CReceivers": &CReceivers, "CSenders": &CSenders, "FNil": &FNil, "FPlain": &FPlain,
		"FAdder": &FAdder, "FMethod": &FMethod, "FExpr": &FExpr,
	} {
		out[name] = dump(reflect.ValueOf(p).Elem(), nil)
	}
	return out
}

// What nothing above dumps is used here, or the linker would drop it.
var _ = []any{
	&VSelf, &ChurnString, &ChurnSlice, &ChurnMap, &ChurnAny, &BigInts, &BigStrings, &BigStructs, &BigUsers, &NNet,
	&SRegexp, &SBuffer, &SBuilder, &SMutex, &SFree, &SReaders, &SWriter, &SGroup, &SOnce, &SNotYet, &SMap, &SPool,
	&AInt32, &AInt64, &AUint64, &ABool, &APointer, &AValue,
}
