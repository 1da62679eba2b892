package push

import (
	"strings"

	"github.com/openinsure/openinsure/internal/fault"
)

// The platforms of phones.
const (
	IOS     = "ios"
	Android = "android"
)

// Why a token is not taken. A token is never repeated in an answer: whoever has
// it can, with our keys, write to that phone.
var (
	ErrExpoToken = fault.New(fault.Refused, "expo_token_unsupported",
		"This is a token of Expo's own push service, which we do not use. Send the phone's native token: in an Expo app, what getDevicePushTokenAsync returns.").Field("token", "format")
	ErrTokenPlatform = fault.New(fault.Refused, "token_platform_mismatch",
		"The token is one of another platform. Send platform ios with the token that APNs gave, or android with the one that Firebase gave; Firebase's tokens for iOS are not used.").Field("token", "format")
	ErrToken = fault.ErrValidation.Saying("The token is not one that a phone of this platform gets.").Field("token", "format")

	errPlatform = fault.ErrValidation.Saying("The platform is ios or android.").Field("platform", "enum")
)

// Lengths of tokens, in characters. Neither provider promises one: Apple's have
// been 64 and may grow to 200, and Google's are 140 to some hundred.
const (
	shortestAPNs, longestAPNs = 64, 200
	shortestFCM, longestFCM   = 100, 4096
	installationLength        = 22
)

// CheckToken returns the way to the phone that a token leads to.
func CheckToken(platform, token string) (Kind, error) {
	if strings.HasPrefix(token, "ExponentPushToken[") || strings.HasPrefix(token, "ExpoPushToken[") {
		return "", ErrExpoToken
	}
	switch platform {
	case IOS:
		switch {
		case appleToken(token):
			return APNs, nil
		case googleToken(token):
			return "", ErrTokenPlatform
		}
	case Android:
		switch {
		case appleToken(token):
			return "", ErrTokenPlatform
		case googleToken(token):
			return FCM, nil
		}
	default:
		return "", errPlatform
	}
	return "", ErrToken
}

// CheckInstallation is CheckToken for a Firebase installation id, which an
// Android app may send in a token's place.
func CheckInstallation(platform, fid string) (Kind, error) {
	switch {
	case platform == IOS:
		return "", ErrTokenPlatform
	case platform != Android:
		return "", errPlatform
	// An installation id is 17 bytes in base64url whose first four bits are 0111.
	case len(fid) != installationLength || !strings.Contains("cdef", fid[:1]) || !only(fid, googleByte) || strings.Contains(fid, ":"):
		return "", ErrToken
	}
	return FCM, nil
}

func appleToken(s string) bool {
	return len(s) >= shortestAPNs && len(s) <= longestAPNs && len(s)%2 == 0 && only(s, hexByte)
}

// googleToken takes any token of the alphabet that Google uses: its inner form
// has changed before.
func googleToken(s string) bool {
	return len(s) >= shortestFCM && len(s) <= longestFCM && only(s, googleByte)
}

func only(s string, ok func(byte) bool) bool {
	for i := range len(s) {
		if !ok(s[i]) {
			return false
		}
	}
	return true
}

func hexByte(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func googleByte(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '-' || c == '_' || c == ':'
}
