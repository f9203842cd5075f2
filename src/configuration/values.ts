/**
 * How the text of a setting becomes a value: one schema per kind of value. Each refuses with "expected …", never with the
 * text itself, so that the one place that reports problems decides how much of a found value is shown.
 */
import { X509Certificate } from 'node:crypto';
import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { isIP } from 'node:net';
import { z } from 'zod';

/** A schema from a setting's text to its value. */
export type ValueSchema<T> = z.ZodType<T, string>;

/** A setting of its own kind; `parse` returns undefined when the text is not one. */
export function value<T>(expected: string, parse: (text: string) => T | undefined): ValueSchema<T> {
  return z.string().transform((found, context): T => {
    const parsed = parse(found);
    if (parsed !== undefined) return parsed;
    context.addIssue({ code: 'custom', message: expected });
    return z.NEVER;
  });
}

/** Text of a certain form. */
export function text(expected: string, pattern: RegExp): ValueSchema<string> {
  return value(expected, (found) => (pattern.test(found) ? found : undefined));
}

export function oneOf<const Choice extends string>(...choices: readonly Choice[]): ValueSchema<Choice> {
  return value(`one of ${choices.join(', ')}`, (found) => choices.find((choice) => choice === found.toLowerCase()));
}

export function flag(): ValueSchema<boolean> {
  return value('true or false', (found) => {
    const lower = found.toLowerCase();
    if (lower === 'true' || lower === '1') return true;
    return lower === 'false' || lower === '0' ? false : undefined;
  });
}

export function wholeNumber(smallest: number, largest: number): ValueSchema<number> {
  return value(`a whole number from ${smallest} to ${largest}`, (found) => {
    const number = /^\d{1,9}$/.test(found) ? Number(found) : Number.NaN;
    return number >= smallest && number <= largest ? number : undefined;
  });
}

/** A number that may have a fraction. */
export function decimal(smallest: number, largest: number): ValueSchema<number> {
  return value(`a number from ${smallest} to ${largest}`, (found) => {
    const number = /^\d{1,9}(\.\d{1,6})?$/.test(found) ? Number(found) : Number.NaN;
    return number >= smallest && number <= largest ? number : undefined;
  });
}

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `250ms`, `30s`, `10m`, `2h`, `1d`; a bare number is milliseconds. @returns milliseconds. */
export function duration(smallest: string, largest: string): ValueSchema<number> {
  const [least, most] = [parseDuration(smallest) ?? 0, parseDuration(largest) ?? Number.MAX_SAFE_INTEGER];
  return value(`a duration such as 250ms, 30s, 10m or 2h, from ${smallest} to ${largest}`, (found) => {
    const milliseconds = parseDuration(found);
    return milliseconds !== undefined && milliseconds >= least && milliseconds <= most ? milliseconds : undefined;
  });
}

/** @returns milliseconds, or undefined when it is no duration. */
export function parseDuration(found: string): number | undefined {
  const match = /^(\d{1,9}(?:\.\d{1,3})?)\s*(ms|s|m|h|d)?$/i.exec(found);
  const unit = UNITS_MS[(match?.[2] ?? 'ms').toLowerCase()];
  return match?.[1] === undefined || unit === undefined ? undefined : Math.round(Number(match[1]) * unit);
}

/** Comma separated; empty items are left out. */
export function listOf<T>(expected: string, item: (text: string) => T | undefined): ValueSchema<readonly T[]> {
  return value(expected, (found) => {
    const items = found
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== '')
      .map(item);
    const valid = items.filter((each) => each !== undefined);
    return valid.length > 0 && valid.length === items.length ? valid : undefined;
  });
}

/** An absolute https URL without user information. */
export function parseHttpsUrl(found: string): string | undefined {
  if (!URL.canParse(found)) return undefined;
  const url = new URL(found);
  return url.protocol === 'https:' && url.username === '' && url.password === '' ? url.href : undefined;
}

export interface HostAndPort {
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
}

/** `host:port`, `[::1]:53`, and `:8080` when a host is optional. */
export function parseHostAndPort(
  found: string,
  defaults: { host?: string; port?: number } = {},
): HostAndPort | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]*))(?::(\d{1,5}))?$/.exec(found);
  if (match === null) return undefined;
  if (match[1] !== undefined && isIP(match[1]) !== 6) return undefined;
  const host = match[1] ?? (match[2] === '' ? defaults.host : match[2]);
  const port = match[3] === undefined ? defaults.port : Number(match[3]);
  if (host === undefined || port === undefined || port > 65_535) return undefined;
  return /^[\w.:%-]+$/.test(host) ? { host, port } : undefined;
}

/** Where a server listens. Port 0 takes a free one. */
export function listenAddress(): ValueSchema<HostAndPort> {
  return value('host:port, such as 0.0.0.0:8080 or [::]:8080', (found) => parseHostAndPort(found, { host: '0.0.0.0' }));
}

/** Where a server listens that takes IP addresses only, or `off`. */
export function listenIpAddress(): ValueSchema<HostAndPort | 'off'> {
  return value('an IP address and port, such as 0.0.0.0:9464, or off', (found) => {
    if (found.toLowerCase() === 'off') return 'off';
    const address = parseHostAndPort(found, { host: '0.0.0.0' });
    return address !== undefined && isIP(address.host) !== 0 ? address : undefined;
  });
}

/** Text of an address as it is written in URLs and flags. */
export function formatAddress(address: HostAndPort): string {
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

/** A file of PEM certificates, read and checked at once. */
export interface CaBundle {
  readonly path: string;
  readonly pem: string;
}

const MAX_BUNDLE_BYTES = 2 * 1024 * 1024;
const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

export function caBundleFile(): ValueSchema<CaBundle> {
  const expected = 'the path of a readable file of PEM certificates (at most 2 MiB)';
  return z.string().transform((path, context): CaBundle => {
    const problem = caBundleProblem(path);
    if (typeof problem === 'object') return problem;
    context.addIssue({ code: 'custom', message: `${expected}; ${problem}` });
    return z.NEVER;
  });
}

function caBundleProblem(path: string): CaBundle | string {
  let pem: string;
  try {
    const { size } = statSync(path);
    if (size > MAX_BUNDLE_BYTES) return `it has ${size} bytes`;
    pem = readFileSync(path, 'utf8');
  } catch (error) {
    return `it cannot be read (${errorCode(error)})`;
  }
  const certificates = pem.match(PEM_CERTIFICATE) ?? [];
  if (certificates.length === 0) return 'it holds no PEM certificate';
  const unreadable = certificates.findIndex((certificate) => !isCertificate(certificate));
  return unreadable === -1 ? { path, pem } : `certificate ${unreadable + 1} in it cannot be parsed`;
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).subject !== null;
  } catch {
    return false;
  }
}

/** The path of a file that can be read. */
export function readableFile(): ValueSchema<string> {
  return z.string().transform((path, context): string => {
    try {
      accessSync(path, constants.R_OK);
      if (statSync(path).isFile()) return path;
      context.addIssue({ code: 'custom', message: 'the path of a readable file; it is not a file' });
    } catch (error) {
      context.addIssue({
        code: 'custom',
        message: `the path of a readable file; it cannot be read (${errorCode(error)})`,
      });
    }
    return z.NEVER;
  });
}

function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
}
