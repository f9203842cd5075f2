import { z } from 'zod';
import { compileSchedule, type Recurrence } from './recurrence.ts';
import type { FreezeRule, RenewalWindowRule, RenewalWindows } from './rules.ts';

const MAX_RULES = 100;
const MAX_VALUES = 100;
const MAX_PROBLEMS_SHOWN = 3;
const MAX_DURATION_MS = 366 * 86_400_000;

const UNITS_MS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

const ruleName = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'lower case letters, digits and hyphens expected');
const labelKey = z.string().min(1).max(317);
const labelValue = z.string().max(63);

const requirementSchema = z.discriminatedUnion('operator', [
  z.strictObject({
    key: labelKey,
    operator: z.enum(['In', 'NotIn']),
    values: z.array(labelValue).min(1).max(MAX_VALUES),
  }),
  z.strictObject({ key: labelKey, operator: z.enum(['Exists', 'DoesNotExist']) }),
]);

const selectorSchema = z.strictObject({
  matchLabels: z.record(labelKey, labelValue).optional(),
  matchExpressions: z.array(requirementSchema).max(MAX_VALUES).optional(),
});

const durationSchema = z
  .string()
  .regex(/^[1-9]\d{0,4}[mhd]$/, 'a duration such as 90m, 6h or 2d expected')
  .transform((text) => Number.parseInt(text, 10) * (UNITS_MS[text.slice(-1)] ?? 0))
  .refine((ms) => ms <= MAX_DURATION_MS, 'at most 366d');

const RECURRENCE = {
  schedule: z.string().max(200),
  duration: durationSchema,
  timeZone: z.string().min(1).max(64).default('UTC'),
};

const windowSchema = z
  .strictObject({ name: ruleName, selector: selectorSchema.optional(), ...RECURRENCE })
  .transform(({ name, selector, ...fields }, context): RenewalWindowRule => {
    return { name, selector, period: recurrenceOf(fields, context) };
  });

const instant = z.iso
  .datetime({ offset: true, error: 'an instant such as 2026-12-20T00:00:00+01:00 expected' })
  .transform((text) => Date.parse(text));

const freezeSchema = z
  .union([
    z.strictObject({ name: ruleName, selector: selectorSchema.optional(), from: instant, to: instant }),
    z.strictObject({ name: ruleName, selector: selectorSchema.optional(), ...RECURRENCE }),
  ])
  .transform((found, context): FreezeRule => {
    const { name, selector } = found;
    if ('schedule' in found) return { name, selector, period: recurrenceOf(found, context) };
    if (found.from >= found.to)
      context.addIssue({ code: 'custom', message: '"to" has to be after "from"', path: ['to'] });
    return { name, selector, period: { start: found.from, end: found.to } };
  });

const windowsSchema = z
  .strictObject({
    windows: z.array(windowSchema).max(MAX_RULES).default([]),
    freezes: z.array(freezeSchema).max(MAX_RULES).default([]),
  })
  .superRefine(({ windows, freezes }, context) => {
    const seen = new Set<string>();
    for (const { name } of [...windows, ...freezes]) {
      if (seen.has(name)) context.addIssue({ code: 'custom', message: `two rules have the name ${name}` });
      seen.add(name);
    }
  });

function recurrenceOf(
  { schedule, timeZone, duration }: { readonly schedule: string; readonly timeZone: string; readonly duration: number },
  context: z.RefinementCtx,
): Recurrence {
  const recurrence = { schedule, timeZone, durationMs: duration };
  const report = (message: string, path: string): void => context.addIssue({ code: 'custom', message, path: [path] });
  if (!isTimeZone(timeZone)) report(`${timeZone} is no IANA time zone, such as Europe/Berlin`, 'timeZone');
  else {
    try {
      if (compileSchedule(recurrence).nextRun() === null) report('never comes', 'schedule');
    } catch (error) {
      const why = error instanceof Error ? error.message.replace(/^CronPattern: /, '') : String(error);
      report(`five fields as of crontab expected: ${why}`, 'schedule');
    }
  }
  return recurrence;
}

function isTimeZone(timeZone: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone }).format(0) !== '';
  } catch {
    return false;
  }
}

/** What became of the text of people. */
export type ParsedRenewalWindows =
  | { readonly kind: 'valid'; readonly rules: RenewalWindows }
  | {
      readonly kind: 'invalid';
      /** The places and what is wrong there, as clauses. */
      readonly problem: string;
    };

/** Validates what was read, such as the content of a YAML document. */
export function parseRenewalWindows(found: unknown): ParsedRenewalWindows {
  const parsed = windowsSchema.safeParse(found ?? {});
  if (parsed.success) return { kind: 'valid', rules: parsed.data };
  const { issues } = parsed.error;
  const shown = issues.slice(0, MAX_PROBLEMS_SHOWN).map((issue) => {
    const place = issue.path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('');
    return `${place === '' ? '' : `${place.slice(place.startsWith('.') ? 1 : 0)}: `}${issueText(issue)}`;
  });
  const more = issues.length - shown.length;
  return { kind: 'invalid', problem: `${shown.join('; ')}${more > 0 ? `; and ${more} more` : ''}` };
}

/** Of a freeze that is neither form, the form that comes nearer. */
function issueText(issue: z.core.$ZodIssue): string {
  if (issue.code !== 'invalid_union') return issue.message;
  const [nearest] = [...issue.errors].sort((one, other) => one.length - other.length);
  const first = nearest?.[0];
  return first === undefined ? issue.message : `${first.path.map(String).join('.')}: ${first.message}`;
}
