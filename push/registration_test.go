package push_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/push"
)

func TestCheckToken(t *testing.T) {
	apple := "740f4707bebcf74f9b7c25d48e3358945f6aa01da5ddb387462c7eaf61bb78ad"
	google := "cYh3kD0-T_qXn5u8Zk1aBc:APA91bHun4MxP5egoKMwt2KZFBaFUH-1RYqx" + strings.Repeat("Ab1_-", 20)
	tests := []struct {
		name            string
		platform, token string
		want            push.Kind
		wantErr         error
	}{
		{"apple's", push.IOS, apple, push.APNs, nil},
		{"apple's in capitals", push.IOS, strings.ToUpper(apple), push.APNs, nil},
		{"apple's, long", push.IOS, strings.Repeat("0a", 80), push.APNs, nil},
		{"apple's, as long as may be", push.IOS, strings.Repeat("0a", 100), push.APNs, nil},
		{"too long for apple", push.IOS, strings.Repeat("0a", 2100), "", push.ErrToken},
		{"too short for apple", push.IOS, apple[2:], "", push.ErrToken},
		{"half a byte", push.IOS, apple + "a", "", push.ErrToken},
		{"not all hexadecimal", push.IOS, "g" + apple[1:], "", push.ErrToken},
		{"with spaces, as a debugger shows it", push.IOS, "<740f4707 bebcf74f 9b7c25d4 8e335894 5f6aa01d a5ddb387 462c7eaf 61bb78ad>", "", push.ErrToken},
		{"a path", push.IOS, "../" + apple, "", push.ErrToken},
		{"a line more", push.IOS, apple + "\n", "", push.ErrToken},
		{"google's", push.Android, google, push.FCM, nil},
		{"google's, old", push.Android, "APA91b" + strings.Repeat("x", 134), push.FCM, nil},
		{"too short for google", push.Android, google[:99], "", push.ErrToken},
		{"too long for google", push.Android, strings.Repeat("x", 4097), "", push.ErrToken},
		{"not google's alphabet", push.Android, google + "/", "", push.ErrToken},
		{"not ASCII", push.Android, google + "é", "", push.ErrToken},
		{"empty", push.Android, "", "", push.ErrToken},
		{"empty for apple", push.IOS, "", "", push.ErrToken},
		{"google's for an iPhone", push.IOS, google, "", push.ErrTokenPlatform},
		{"apple's for Android", push.Android, apple, "", push.ErrTokenPlatform},
		{"expo's for an iPhone", push.IOS, "ExponentPushToken[xxxxxxxxxxxxxxxxxxxxxx]", "", push.ErrExpoToken},
		{"expo's for Android", push.Android, "ExponentPushToken[xxxxxxxxxxxxxxxxxxxxxx]", "", push.ErrExpoToken},
		{"expo's new form", push.Android, "ExpoPushToken[xxxxxxxxxxxxxxxxxxxxxx]", "", push.ErrExpoToken},
		{"expo's for nothing that we know", "web", "ExponentPushToken[x]", "", push.ErrExpoToken},
		{"another platform", "windows", google, "", fault.ErrValidation},
		{"no platform", "", apple, "", fault.ErrValidation},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := push.CheckToken(tt.platform, tt.token)
			if got != tt.want || !errors.Is(err, tt.wantErr) || (err == nil) != (tt.wantErr == nil) {
				t.Errorf("CheckToken = %q, %v, want %q, %v", got, err, tt.want, tt.wantErr)
			}
			if err != nil && len(tt.token) > 8 && strings.Contains(err.Error(), tt.token) {
				t.Errorf("the error repeats the token: %v", err)
			}
		})
	}
}

func TestCheckInstallation(t *testing.T) {
	tests := []struct {
		name          string
		platform, fid string
		want          push.Kind
		wantErr       error
	}{
		{"android", push.Android, "cInstallation_of-Phone", push.FCM, nil},
		{"on an iPhone", push.IOS, "cInstallation_of-Phone", "", push.ErrTokenPlatform},
		{"elsewhere", "web", "cInstallation_of-Phone", "", fault.ErrValidation},
		{"too short", push.Android, "cInstallation_of-Phon", "", push.ErrToken},
		{"too long", push.Android, "cInstallation_of-Phones", "", push.ErrToken},
		{"empty", push.Android, "", "", push.ErrToken},
		{"not an installation's first letter", push.Android, "gInstallation_of-Phone", "", push.ErrToken},
		{"a colon", push.Android, "cInstallation:of-Phone", "", push.ErrToken},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := push.CheckInstallation(tt.platform, tt.fid)
			if got != tt.want || !errors.Is(err, tt.wantErr) || (err == nil) != (tt.wantErr == nil) {
				t.Errorf("CheckInstallation = %q, %v, want %q, %v", got, err, tt.want, tt.wantErr)
			}
		})
	}
}

func TestWhyATokenIsNotTaken(t *testing.T) {
	tests := []struct {
		err  *fault.Error
		kind fault.Kind
		code string
		says string
	}{
		{push.ErrExpoToken, fault.Refused, "expo_token_unsupported", "native token"},
		{push.ErrTokenPlatform, fault.Refused, "token_platform_mismatch", "another platform"},
		{push.ErrToken, fault.Invalid, "validation_failed", "token"},
	}
	for _, tt := range tests {
		if tt.err.Kind() != tt.kind || tt.err.Code() != tt.code || !strings.Contains(tt.err.Message(), tt.says) {
			t.Errorf("%v: kind %v, want %v, %s and a sentence with %q", tt.err, tt.err.Kind(), tt.kind, tt.code, tt.says)
		}
		if f := tt.err.Fields(); len(f) != 1 || f[0].Field != "token" {
			t.Errorf("%s blames %v, want the token", tt.code, f)
		}
	}
}
