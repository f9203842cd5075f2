/** The rules and the dashboard of deploy/components/monitoring. */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';

const FOLDER = new URL('../../../deploy/components/monitoring/', import.meta.url);

const ruleSchema = z.strictObject({
  record: z.string().optional(),
  alert: z.string().optional(),
  expr: z.string(),
  for: z.string().optional(),
  labels: z.strictObject({ severity: z.enum(['critical', 'warning', 'info']) }).optional(),
  annotations: z.strictObject({ summary: z.string(), description: z.string(), runbook_url: z.string() }).optional(),
});
const prometheusRuleSchema = z.object({
  spec: z.object({ groups: z.array(z.object({ name: z.string(), rules: z.array(ruleSchema) })) }),
});

const datasourceSchema = z.strictObject({ type: z.literal('prometheus'), uid: z.literal('${datasource}') });
const targetSchema = z.strictObject({
  datasource: datasourceSchema,
  refId: z.string().regex(/^[A-Z]$/),
  expr: z.string(),
  legendFormat: z.string(),
  instant: z.literal(true).optional(),
  range: z.literal(false).optional(),
  format: z.literal('table').optional(),
});
/** Names of Grafana's units: packages/grafana-data/src/valueFormats/categories.ts of grafana/grafana. */
const unitSchema = z.enum(['short', 'percentunit', 'bytes', 's', 'd', 'reqps']);
const panelSchema = z.object({
  id: z.int(),
  type: z.enum(['row', 'stat', 'timeseries', 'table']),
  title: z.string(),
  description: z.string().optional(),
  datasource: datasourceSchema.optional(),
  fieldConfig: z.object({ defaults: z.object({ unit: unitSchema.optional() }) }).optional(),
  gridPos: z.strictObject({ h: z.int(), w: z.int(), x: z.int(), y: z.int() }),
  targets: z.array(targetSchema).default([]),
});
/**
 * A dashboard that any Grafana imports: it has no `id`, which is of one Grafana, and refers to data sources by objects, as from
 * schema 36 on. Source: https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/
 */
const dashboardSchema = z.strictObject({
  title: z.string().min(1),
  uid: z.string().regex(/^[\w-]{1,40}$/),
  description: z.string(),
  tags: z.array(z.string()),
  schemaVersion: z.int().min(36).max(42),
  version: z.int(),
  editable: z.boolean(),
  refresh: z.string().regex(/^\d+[smh]$/),
  time: z.strictObject({ from: z.string().regex(/^now-\d+[mhdw]$/), to: z.literal('now') }),
  timezone: z.enum(['browser', 'utc']),
  graphTooltip: z.literal([0, 1, 2]),
  annotations: z.strictObject({ list: z.array(z.unknown()) }),
  links: z.array(z.unknown()),
  templating: z.strictObject({
    list: z.array(
      z.object({
        name: z.string(),
        type: z.enum(['datasource', 'query']),
        query: z.union([z.literal('prometheus'), z.object({ query: z.string(), refId: z.string() })]),
        definition: z.string().optional(),
        datasource: datasourceSchema.optional(),
      }),
    ),
  }),
  panels: z.array(panelSchema),
});

/** The `spec` of the PrometheusRule, which is a file of rules for Prometheus itself. */
export function prometheusRules(): z.infer<typeof prometheusRuleSchema>['spec'] {
  return prometheusRuleSchema.parse(parse(readFileSync(new URL('prometheus-rule.yaml', FOLDER), 'utf8'))).spec;
}

/** Rules with a name of their own. */
export function allRules(): readonly z.infer<typeof ruleSchema>[] {
  return prometheusRules().groups.flatMap(({ rules }) => rules);
}

/** The JSON of the dashboard, as Grafana imports it. */
export function dashboardText(): string {
  return readFileSync(new URL('dashboard.json', FOLDER), 'utf8');
}

/** What tests read of the dashboard. */
export function dashboard(): z.infer<typeof dashboardSchema> {
  return dashboardSchema.parse(JSON.parse(dashboardText()));
}

/**
 * Each expression of the rules and the dashboard, with where it is.
 * @param variables of the dashboard, by name; `demo` for the others.
 */
export function allExpressions(
  variables: Readonly<Record<string, string>> = {},
): readonly { readonly where: string; readonly expr: string; readonly isPanel: boolean }[] {
  const ofRules = allRules().map(({ alert, record, expr }) => ({
    where: alert ?? record ?? '',
    expr,
    isPanel: false,
  }));
  const ofPanels = dashboard().panels.flatMap(({ title, targets }) =>
    targets.map(({ expr }) => ({
      where: title,
      isPanel: true,
      expr: expr.replaceAll(/\$(\w+)/g, (_match, name: string) => variables[name] ?? 'demo'),
    })),
  );
  return [...ofRules, ...ofPanels];
}
