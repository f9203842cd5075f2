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

const targetSchema = z.object({ expr: z.string() });
const dashboardSchema = z.object({
  templating: z.object({
    list: z.array(
      z.object({ name: z.string(), type: z.string(), query: z.unknown(), definition: z.string().optional() }),
    ),
  }),
  panels: z.array(
    z.object({
      id: z.number(),
      type: z.string(),
      title: z.string(),
      description: z.string().optional(),
      gridPos: z.object({ h: z.number(), w: z.number(), x: z.number(), y: z.number() }),
      targets: z.array(targetSchema).default([]),
    }),
  ),
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

/** Each expression of the rules and the dashboard, with where it is. Variables of the dashboard are replaced by values. */
export function allExpressions(): readonly { readonly where: string; readonly expr: string }[] {
  const ofRules = allRules().map(({ alert, record, expr }) => ({ where: alert ?? record ?? '', expr }));
  const ofPanels = dashboard().panels.flatMap(({ title, targets }) =>
    targets.map(({ expr }) => ({ where: title, expr: expr.replaceAll(/\$\w+/g, 'demo') })),
  );
  return [...ofRules, ...ofPanels];
}
