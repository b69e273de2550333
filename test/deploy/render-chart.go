// Renders deploy/helm/supergate as Helm does: Go's templates, sprig, and Helm's own functions that the chart uses.
// In: the chart's directory and, on standard input, values as JSON. Out: the documents, each after a line `---`.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig"
	"sigs.k8s.io/yaml"
)

type values = map[string]interface{}

func main() {
	if err := render(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func render(directory string) error {
	chart, defaults, given := values{}, values{}, values{}
	if err := readYaml(filepath.Join(directory, "Chart.yaml"), &chart); err != nil {
		return err
	}
	if err := readYaml(filepath.Join(directory, "values.yaml"), &defaults); err != nil {
		return err
	}
	if err := json.NewDecoder(os.Stdin).Decode(&given); err != nil {
		return err
	}
	context := values{
		"Values":  overlay(defaults, given),
		"Chart":   values{"Name": chart["name"], "Version": chart["version"], "AppVersion": chart["appVersion"]},
		"Release": values{"Name": "release", "Namespace": "default", "Service": "Helm"},
	}
	root := template.New("chart").Option("missingkey=zero")
	functions := sprig.TxtFuncMap()
	functions["toYaml"] = func(value interface{}) (string, error) {
		text, err := yaml.Marshal(value)
		return strings.TrimSuffix(string(text), "\n"), err
	}
	functions["include"] = func(name string, value interface{}) (string, error) {
		var text strings.Builder
		err := root.ExecuteTemplate(&text, name, value)
		return text.String(), err
	}
	functions["fail"] = func(message string) (string, error) { return "", errors.New(message) }
	files, err := filepath.Glob(filepath.Join(directory, "templates", "*"))
	if err != nil {
		return err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if _, err := root.New(filepath.Base(file)).Funcs(functions).Parse(string(text)); err != nil {
			return err
		}
	}
	for _, file := range files {
		name := filepath.Base(file)
		if strings.HasPrefix(name, "_") {
			continue
		}
		var text strings.Builder
		if err := root.ExecuteTemplate(&text, name, context); err != nil {
			return err
		}
		fmt.Printf("---\n# %s\n%s\n", name, strings.ReplaceAll(text.String(), "<no value>", ""))
	}
	return nil
}

func readYaml(file string, into *values) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	return yaml.Unmarshal(text, into)
}

// overlay lays `over` on `under`: maps are joined, everything else is replaced.
func overlay(under, over values) values {
	joined := values{}
	for key, value := range under {
		joined[key] = value
	}
	for key, value := range over {
		inner, isMap := value.(values)
		below, isMapBelow := joined[key].(values)
		if isMap && isMapBelow {
			joined[key] = overlay(below, inner)
		} else {
			joined[key] = value
		}
	}
	return joined
}
