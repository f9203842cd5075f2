import { stringify } from 'yaml';
import { ALERT_CASES, type AlertCase, TARGET, targetOf } from './alert-cases.ts';

/**
 * A file of promtool's unit tests: each alert fires, with exactly its labels, and is quiet.
 * @param severities by alert. Source: https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules/
 */
export function promtoolTests(rulesFile: string, severities: Readonly<Record<string, string>>): string {
  const tests = ALERT_CASES.flatMap((one) => {
    const { alert, fires, quiet } = one;
    const labels = { alertname: alert, alertstate: 'firing', severity: severities[alert] ?? '' };
    const fired = { labels: seriesText('ALERTS', { ...labels, ...targetOf(one), ...one.labels }), value: 1 };
    return [
      testOf(one, `${alert} fires`, fires, [fired]),
      ...quiet.map((series, index) => testOf(one, `${alert} is quiet ${index + 1}`, series, [])),
    ];
  });
  return stringify({ rule_files: [rulesFile], evaluation_interval: '5m', tests });
}

function testOf({ alert, at }: AlertCase, name: string, series: AlertCase['fires'], expected: readonly object[]) {
  return {
    name,
    interval: '1m',
    input_series: Object.entries(series).map(([text, values]) => ({ series: withTarget(text), values })),
    promql_expr_test: [
      { expr: `ALERTS{alertname="${alert}",alertstate="firing"}`, eval_time: at, exp_samples: expected },
    ],
  };
}

/** Labels that the series has itself stay. */
function withTarget(series: string): string {
  const [, name = '', own = ''] = /^(\w+)(?:\{(.*)\})?$/.exec(series) ?? [];
  const labels = Object.fromEntries(
    [...own.matchAll(/(\w+)="([^"]*)"/g)].map(([, label = '', value = '']) => [label, value]),
  ) as Record<string, string>;
  return seriesText(name, { ...TARGET, ...labels });
}

function seriesText(name: string, labels: Readonly<Record<string, string>>): string {
  const texts = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  return `${name}{${texts.join(',')}}`;
}
