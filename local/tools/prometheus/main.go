// Command prometheus scrapes, evaluates rules and answers instant queries with the packages of Prometheus, by its own
// configuration file and flags. What a test needs no more of is left out (Web UI, remote write, OTLP, alerts sent): the
// whole server takes 149 packages more than promtool, and this takes none.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery"
	"github.com/prometheus/prometheus/discovery/targetgroup"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/scrape"
	"github.com/prometheus/prometheus/tsdb"
)

func main() {
	configFile := flag.String("config.file", "prometheus.yml", "Prometheus' configuration: static targets, and files of rules.")
	folder := flag.String("storage.tsdb.path", "data", "Folder of the time series.")
	address := flag.String("web.listen-address", "127.0.0.1:9090", "Address of /-/ready and /api/v1/query.")
	flag.Parse()
	logger := slog.New(slog.NewTextHandler(os.Stderr, nil))
	if err := serve(*configFile, *folder, *address, logger); err != nil {
		logger.Error("prometheus ends", "err", err)
		os.Exit(1)
	}
}

func serve(configFile, folder, address string, logger *slog.Logger) error {
	cfg, err := config.LoadFile(configFile, false, logger)
	if err != nil {
		return err
	}
	db, err := tsdb.Open(folder, logger, nil, tsdb.DefaultOptions(), nil)
	if err != nil {
		return err
	}
	grammar := parser.NewParser(parser.Options{})
	engine := promql.NewEngine(promql.EngineOpts{
		Logger:               logger,
		MaxSamples:           50_000_000,
		Timeout:              2 * time.Minute,
		EnableAtModifier:     true,
		EnableNegativeOffset: true,
		Parser:               grammar,
	})
	if err := startScraping(cfg, db, logger); err != nil {
		return err
	}
	if err := startRules(cfg, filepath.Dir(configFile), db, engine, grammar, logger); err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/-/ready", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/api/v1/query", func(w http.ResponseWriter, r *http.Request) {
		answer(w, func() (*promql.Result, error) {
			query, err := engine.NewInstantQuery(r.Context(), db, nil, r.FormValue("query"), time.Now())
			if err != nil {
				return nil, err
			}
			return query.Exec(r.Context()), nil
		})
	})
	return http.ListenAndServe(address, mux)
}

// startScraping scrapes the static targets of the configuration until the process ends.
func startScraping(cfg *config.Config, db *tsdb.DB, logger *slog.Logger) error {
	options := &scrape.Options{DiscoveryReloadInterval: model.Duration(100 * time.Millisecond)}
	manager, err := scrape.NewManager(options, logger, nil, nil, db, prometheus.NewRegistry())
	if err != nil {
		return err
	}
	if err := manager.ApplyConfig(cfg); err != nil {
		return err
	}
	scrapes, err := cfg.GetScrapeConfigs()
	if err != nil {
		return err
	}
	groups := map[string][]*targetgroup.Group{}
	for _, one := range scrapes {
		for _, targets := range one.ServiceDiscoveryConfigs {
			if static, ok := targets.(discovery.StaticConfig); ok {
				groups[one.JobName] = append(groups[one.JobName], static...)
			}
		}
	}
	found := make(chan map[string][]*targetgroup.Group, 1)
	found <- groups
	go func() { _ = manager.Run(found) }()
	return nil
}

// startRules evaluates the rules of the configuration until the process ends.
func startRules(cfg *config.Config, folder string, db *tsdb.DB, engine *promql.Engine, p parser.Parser, logger *slog.Logger) error {
	manager := rules.NewManager(&rules.ManagerOptions{
		Appendable: db,
		Queryable:  db,
		QueryFunc:  rules.EngineQueryFunc(engine, db),
		NotifyFunc: func(context.Context, string, ...*rules.Alert) {},
		Context:    context.Background(),
		Registerer: prometheus.NewRegistry(),
		Logger:     logger,
		Parser:     p,
	})
	var files []string
	for _, pattern := range cfg.RuleFiles {
		if !filepath.IsAbs(pattern) {
			pattern = filepath.Join(folder, pattern)
		}
		matching, err := filepath.Glob(pattern)
		if err != nil {
			return err
		}
		files = append(files, matching...)
	}
	interval := time.Duration(cfg.GlobalConfig.EvaluationInterval)
	if err := manager.Update(interval, files, labels.EmptyLabels(), "", nil); err != nil {
		return err
	}
	go manager.Run()
	return nil
}

// answer writes the result in the form of Prometheus' HTTP API:
// https://prometheus.io/docs/prometheus/latest/querying/api/#instant-queries
func answer(w http.ResponseWriter, query func() (*promql.Result, error)) {
	result, err := query()
	if err == nil {
		err = result.Err
	}
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		w.WriteHeader(http.StatusUnprocessableEntity)
		_ = json.NewEncoder(w).Encode(map[string]any{"status": "error", "errorType": "execution", "error": err.Error()})
		return
	}
	data := map[string]any{"resultType": result.Value.Type(), "result": result.Value}
	_ = json.NewEncoder(w).Encode(map[string]any{"status": "success", "data": data})
}
