import { dnsNameProblem, normalizeName } from '../certificates/dns-name.ts';
import { LIMIT_NAMES, type StatedLimit } from '../rate-limit/account-limits.ts';
import { type Format, listOf } from './values.ts';

/** More would be in each message to the budget. */
const MAX_LIMITS = 100;

const PERIODS_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** The longest period of a limit. */
const MAX_PERIOD_MS = 90 * 86_400_000;

const list = listOf(
  `limits such as acme-v02.api.letsencrypt.org/orders=5000/7d, comma separated, at most ${MAX_LIMITS}: the CA, then ${Object.keys(LIMIT_NAMES).join(', ')} or a registered domain, then a number and a time`,
  parseLimit,
);

/** `<CA>/<what>=<count>/<time>`, comma separated. Each of a CA at most once. */
export const statedLimits: Format<readonly StatedLimit[]> = {
  expected: list.expected,
  parse(text) {
    const found = list.parse(text);
    if (found === undefined) return undefined;
    if (found.length > MAX_LIMITS) throw new Error(`there are ${found.length}`);
    const keys = found.map(({ ca, of }) => `${ca}/${typeof of === 'string' ? of : of.domain}`);
    const twice = keys.find((key, index) => keys.indexOf(key) !== index);
    if (twice !== undefined) throw new Error(`${twice} is there twice`);
    return found;
  },
};

function parseLimit(text: string): StatedLimit | undefined {
  const [, ca = '', what = '', count = '', time = '', unit = ''] =
    /^([a-z0-9][a-z0-9.:/~_-]{0,319})\/([a-z0-9.-]{1,253})=(\d{1,7})\/(\d{0,5})([smhd])$/i.exec(text) ?? [];
  const periodMs = Number(time || 1) * (PERIODS_MS[unit.toLowerCase()] ?? 0);
  const burst = Number(count);
  const of = limitName(what.toLowerCase());
  if (of === undefined || burst < 1 || periodMs < 1_000 || periodMs > MAX_PERIOD_MS) return undefined;
  return { ca: ca.toLowerCase(), of, limit: { burst, intervalMs: periodMs / burst } };
}

function limitName(what: string): StatedLimit['of'] | undefined {
  if (Object.hasOwn(LIMIT_NAMES, what)) return what as keyof typeof LIMIT_NAMES;
  const domain = normalizeName(what);
  return domain.includes('.') && dnsNameProblem(domain) === undefined ? { domain } : undefined;
}
