/** deploy/components/monitoring: rules and dashboard ask for what workers expose, and each alert has its runbook. */
import { describe, expect, test } from 'vitest';
import { ALERT_CASES, targetOf } from '../../support/prometheus/alert-cases.ts';
import { exposedMetrics } from '../../support/prometheus/exposed-metrics.ts';
import { allExpressions, allRules, dashboard, dashboardText } from '../../support/prometheus/monitoring-component.ts';
import { readExpression } from '../../support/prometheus/promql.ts';
import { read } from '../repository/files.ts';

/** Of Temporal's SDK, which has no list: a stack test compares them with a scrape. */
const SDK_METRICS = {
  temporal_workflow_task_execution_failed: [],
  temporal_worker_task_slots_available: ['worker_type'],
};
/** Of the pod: Prometheus adds them. */
const TARGET_LABELS = ['namespace', 'job', 'pod', 'instance'];

const exposed = new Map<string, ReadonlySet<string>>([
  ...exposedMetrics(),
  ...Object.entries(SDK_METRICS).map(([name, labels]) => [name, new Set<string>(labels)] as const),
]);
const rules = allRules();
for (const { record, expr } of rules) {
  if (record === undefined) continue;
  const { selections } = readExpression(expr);
  exposed.set(record, new Set(selections.flatMap(({ metric }) => [...(exposed.get(metric) ?? [])])));
}
const alerts = rules.filter(({ alert }) => alert !== undefined);

test.each(allExpressions().map(({ where, expr }) => [where, expr] as const))(
  '%s asks for metrics and labels that there are: %s',
  (_where, expr) => {
    const { selections, grouped } = readExpression(expr);
    const unknown = selections.filter(({ metric }) => !exposed.has(metric));
    expect(unknown).toEqual([]);
    for (const { metric, matched } of selections)
      expect(matched.filter((label) => !TARGET_LABELS.includes(label) && !exposed.get(metric)?.has(label))).toEqual([]);
    const labels = new Set(selections.flatMap(({ metric }) => [...(exposed.get(metric) ?? [])]));
    expect(grouped.filter((label) => !TARGET_LABELS.includes(label) && !labels.has(label))).toEqual([]);
  },
);

describe.each(alerts.map((rule) => [rule.alert ?? '', rule] as const))('%s', (alert, { labels, annotations }) => {
  test('has a severity, and a runbook that says what it means, where to look, what to do and when it ends', () => {
    expect(annotations?.runbook_url).toBe(`docs/monitoring.md#${alert.toLowerCase()}`);
    const [, section = ''] = new RegExp(`^### ${alert}\\n([^]*?)(?=^#)`, 'm').exec(read('docs/monitoring.md')) ?? [];
    expect(section).toMatch(new RegExp(`^\\n\\*${labels?.severity}\\.\\* `));
    expect([...section.matchAll(/^- \*\*(\w+):\*\* \S/gm)].map(([, what]) => what)).toEqual(['Look', 'Do', 'Ends']);
  });

  test('is tested, and its description uses labels that it has', () => {
    const one = ALERT_CASES.find((known) => known.alert === alert);
    expect(one?.quiet.length).toBeGreaterThan(0);
    const has = one === undefined ? {} : { ...targetOf(one), ...one.labels };
    const used = [...(annotations?.description ?? '').matchAll(/\$labels\.(\w+)/g)].map(([, label = '']) => label);
    expect(used.filter((label) => !(label in has))).toEqual([]);
  });
});

test('no runbook is of an alert that is gone', () => {
  const sections = [...read('docs/monitoring.md').matchAll(/^### (Certman\w+)$/gm)].map(([, name]) => name);
  expect(sections).toEqual(alerts.map(({ alert }) => alert));
});

describe('the dashboard', () => {
  const { panels, templating } = dashboard();

  test('has variables that are filled from metrics that there are', () => {
    const queries = templating.list.flatMap(({ definition }) => definition ?? []);
    expect(templating.list.map(({ name }) => name)).toEqual(['datasource', 'namespace', 'cluster']);
    for (const query of queries) {
      const [, selector = '', label = ''] = /^label_values\((.*), (\w+)\)$/.exec(query) ?? [];
      const [selection] = readExpression(selector.replaceAll(/\$\w+/g, 'demo')).selections;
      expect(exposed.get(selection?.metric ?? '')).toContain(label);
    }
  });

  test('has the fleet, one cluster, the CA and the objectives, and panels that do not overlap', () => {
    const rows = panels.filter(({ type }) => type === 'row').map(({ title }) => title);
    expect(rows).toEqual(['Fleet', 'Cluster: $namespace/$cluster', 'CA and DNS', 'Objectives and workers']);
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const taken = new Set<string>();
    for (const { gridPos, title } of panels) {
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1)
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
          expect([title, x < 24, taken.has(`${x} ${y}`)]).toEqual([title, true, false]);
          taken.add(`${x} ${y}`);
        }
    }
  });

  test('has the one data source that the user chooses, in variables and panels, and variables that are defined', () => {
    const [source, ...queried] = templating.list;
    expect(source).toMatchObject({ name: 'datasource', type: 'datasource', query: 'prometheus' });
    for (const { type, query, definition, datasource } of queried) {
      expect([type, query]).toEqual(['query', { query: definition, refId: expect.any(String) }]);
      expect(datasource).toBeDefined();
    }
    const shown = panels.filter(({ type }) => type !== 'row');
    expect(shown.filter(({ datasource, targets }) => datasource === undefined || targets.length === 0)).toEqual([]);
    const defined = templating.list.map(({ name }) => name);
    const used = [...dashboardText().matchAll(/\$\{?(\w+)/g)].map(([, name = '']) => name);
    expect(used.filter((name) => !defined.includes(name))).toEqual([]);
  });

  test('names series by labels that their expressions keep, each target by its own letter', () => {
    for (const { title, targets } of panels) {
      expect([title, new Set(targets.map(({ refId }) => refId)).size]).toEqual([title, targets.length]);
      for (const { expr, legendFormat } of targets) {
        const { grouped } = readExpression(expr.replaceAll(/\$\w+/g, 'demo'));
        const named = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label = '']) => label);
        const kept = grouped.length === 0 ? TARGET_LABELS : grouped;
        expect([title, named.filter((label) => !kept.includes(label))]).toEqual([title, []]);
      }
    }
  });

  test('gives no two series of a graph the same name: it has every label that tells them apart', () => {
    for (const { title, type, targets } of panels) {
      if (type !== 'timeseries') continue;
      for (const { expr, legendFormat } of targets) {
        const [, labels = ''] = / by \(([^)]*)\)/.exec(expr) ?? [];
        const nameless = labels
          .split(/, ?/)
          .filter((label) => label !== 'le' && !legendFormat.includes(`{{${label}}}`));
        expect([title, labels === '' ? [] : nameless]).toEqual([title, []]);
      }
    }
  });

  test('says of every panel what it shows', () => {
    const silent = panels.filter(({ type, description }) => type !== 'row' && !description?.endsWith('.'));
    expect(silent.map(({ title }) => title)).toEqual([]);
  });
});
