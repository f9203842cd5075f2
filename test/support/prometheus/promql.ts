/** What an expression of PromQL asks for, by Prometheus' own grammar. */
import { parser } from '@prometheus-io/lezer-promql';

/** A metric, and every label that the expression matches, groups by or keeps: of all metrics of the expression, at most. */
export interface Selection {
  readonly metric: string;
  /** Those that the selector itself matches. */
  readonly matched: readonly string[];
}

/** What an expression depends on. */
export interface Expression {
  readonly selections: readonly Selection[];
  /** Labels of `by`, `on` and `group_left`: at least one of the metrics must have them. `without` needs none. */
  readonly grouped: readonly string[];
}

/** @throws Error at the first place that is not PromQL. */
export function readExpression(text: string): Expression {
  const selections: { metric: string; matched: string[] }[] = [];
  const grouped: string[] = [];
  let isWithout = false;
  parser.parse(text).iterate({
    enter: ({ name, type, from, to, node }) => {
      const part = text.slice(from, to);
      if (type.isError) throw new Error(`not PromQL at ${from}: ${text}`);
      if (name === 'VectorSelector') {
        const metric = node.getChild('Identifier');
        selections.push({ metric: metric === null ? '' : text.slice(metric.from, metric.to), matched: [] });
      }
      if (name === 'Without' || name === 'Ignoring') isWithout = true;
      if (name === 'By' || name === 'On') isWithout = false;
      if (name !== 'LabelName') return;
      if (node.parent?.name.endsWith('Matcher') === true) selections.at(-1)?.matched.push(part);
      else if (!isWithout) grouped.push(part);
    },
  });
  return { selections, grouped };
}
