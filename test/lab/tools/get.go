package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

const accountDir = "/var/run/secrets/kubernetes.io/serviceaccount/"

// get fetches one URL. With an URL that begins with "/" it asks the API as the pod's service account would: address from
// the environment, authority and token from the mounted account. It is how a pod without a shell shows that this works.
func get(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("usage: tools get URL|/API-PATH")
	}
	client := &http.Client{Timeout: 10 * time.Second}
	url, token := args[0], ""
	if strings.HasPrefix(url, "/") {
		authority, err := os.ReadFile(accountDir + "ca.crt")
		if err != nil {
			return err
		}
		text, err := os.ReadFile(accountDir + "token")
		if err != nil {
			return err
		}
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM(authority) {
			return fmt.Errorf("no certificate in %sca.crt", accountDir)
		}
		client.Transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
		url, token = "https://"+os.Getenv("KUBERNETES_SERVICE_HOST")+":"+os.Getenv("KUBERNETES_SERVICE_PORT")+url, string(text)
	}
	request, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return err
	}
	fmt.Printf("%d\n%s\n", response.StatusCode, body)
	return nil
}
