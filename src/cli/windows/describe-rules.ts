import type { LabelSelector } from '../../renewal-windows/label-selector.ts';
import { rulePeriodEndingAfter } from '../../renewal-windows/recurrence.ts';
import { type RenewalWindows } from '../../renewal-windows/rules.ts';

/** A rule for people. Instants are RFC 3339. */
export interface DescribedRule {
  readonly kind: 'window' | 'freeze';
  readonly name: string;
  /** `0 22 * * 1-5 for 6h in Europe/Berlin`; absent: once. */
  readonly schedule?: string;
  /** Labels, as of `kubectl -l`; absent: all clusters. */
  readonly selects?: string;
  /** The present period, else the next; absent: there is none any more. */
  readonly period?: { readonly start: string; readonly end: string; readonly now: boolean };
}

/** Of rules at `now` (epoch milliseconds). */
export function describeRules({ windows, freezes }: RenewalWindows, now: number): readonly DescribedRule[] {
  const rules = [
    ...windows.map((rule) => ({ kind: 'window' as const, rule })),
    ...freezes.map((rule) => ({ kind: 'freeze' as const, rule })),
  ];
  return rules.map(({ kind, rule: { name, selector, period } }) => {
    const found = rulePeriodEndingAfter(period, now);
    return {
      kind,
      name,
      schedule:
        'schedule' in period
          ? `${period.schedule} for ${durationText(period.durationMs)} in ${period.timeZone}`
          : undefined,
      selects: selector && selectorText(selector),
      period: found && {
        start: new Date(found.start).toISOString(),
        end: new Date(found.end).toISOString(),
        now: found.start <= now,
      },
    };
  });
}

/** As of `kubectl -l`. */
function selectorText({ matchLabels = {}, matchExpressions = [] }: LabelSelector): string | undefined {
  const parts = [
    ...Object.entries(matchLabels).map(([key, value]) => `${key}=${value}`),
    ...matchExpressions.map(({ key, operator, values = [] }) => {
      if (operator === 'Exists') return key;
      if (operator === 'DoesNotExist') return `!${key}`;
      return `${key} ${operator === 'In' ? 'in' : 'notin'} (${values.join(',')})`;
    }),
  ];
  return parts.length === 0 ? undefined : parts.join(',');
}

function durationText(ms: number): string {
  const minutes = ms / 60_000;
  if (minutes % 1_440 === 0) return `${minutes / 1_440}d`;
  return minutes % 60 === 0 ? `${minutes / 60}h` : `${minutes}m`;
}
