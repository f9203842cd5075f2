/** Issues state what is expected, never the text itself: load-configuration.ts decides how much of it is shown. */
import { X509Certificate } from 'node:crypto';
import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { isIP } from 'node:net';
import { z } from 'zod';
import { type HostAndPort, parseHostAndPort } from '../dns/host-and-port.ts';
import type { AuthoritativeServers } from '../dns/propagation-check.ts';

/** A schema from a setting's text to its value. */
export type ValueSchema<T> = z.ZodType<T, string>;

class Rejected {
  readonly reason: string;

  constructor(reason: string) {
    this.reason = reason;
  }
}

/** A schema whose issue starts with `expected`. @param parse returns undefined when the text does not have the form. */
export function value<T>(expected: string, parse: (text: string) => T | Rejected | undefined): ValueSchema<T> {
  return z.string().transform((found, context): T => {
    const parsed = parse(found);
    if (parsed instanceof Rejected) context.addIssue({ code: 'custom', message: `${expected}; ${parsed.reason}` });
    else if (parsed === undefined) context.addIssue({ code: 'custom', message: expected });
    else return parsed;
    return z.NEVER;
  });
}

/** Text that matches a pattern. */
export function text(expected: string, pattern: RegExp): ValueSchema<string> {
  return value(expected, (found) => (pattern.test(found) ? found : undefined));
}

/** One of several words, in any case. */
export function oneOf<const Choice extends string>(...choices: readonly Choice[]): ValueSchema<Choice> {
  return value(`one of ${choices.join(', ')}`, (found) => choices.find((choice) => choice === found.toLowerCase()));
}

const FLAGS = new Map([
  ['true', true],
  ['1', true],
  ['false', false],
  ['0', false],
]);

/** `true` or `false`, `1` or `0`. */
export function flag(): ValueSchema<boolean> {
  return value('true or false', (found) => FLAGS.get(found.toLowerCase()));
}

function numberOf(expected: string, form: RegExp, min: number, max: number): ValueSchema<number> {
  return value(`${expected} from ${min} to ${max}`, (found) => {
    const number = form.test(found) ? Number(found) : Number.NaN;
    return number >= min && number <= max ? number : undefined;
  });
}

/** Both bounds included. */
export function wholeNumber(min: number, max: number): ValueSchema<number> {
  return numberOf('a whole number', /^\d{1,9}$/, min, max);
}

/** Both bounds included; at most six decimal places. */
export function decimal(min: number, max: number): ValueSchema<number> {
  return numberOf('a number', /^\d{1,9}(\.\d{1,6})?$/, min, max);
}

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `250ms`, `30s`, `10m`, `2h`, `1d`; a bare number is milliseconds. @returns milliseconds. */
export function duration(min: string, max: string): ValueSchema<number> {
  const [minMs, maxMs] = [parseDuration(min) ?? 0, parseDuration(max) ?? Number.MAX_SAFE_INTEGER];
  return value(`a duration such as 250ms, 30s, 10m or 2h, from ${min} to ${max}`, (found) => {
    const ms = parseDuration(found);
    return ms !== undefined && ms >= minMs && ms <= maxMs ? ms : undefined;
  });
}

function parseDuration(found: string): number | undefined {
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

/** An absolute https URL without user information. @returns undefined when the text is none. */
export function parseHttpsUrl(found: string): string | undefined {
  if (!URL.canParse(found)) return undefined;
  const url = new URL(found);
  return url.protocol === 'https:' && url.username === '' && url.password === '' ? url.href : undefined;
}

/** An absolute https URL without user information. */
export function httpsUrl(): ValueSchema<string> {
  return value('an https URL', parseHttpsUrl);
}

/** `auto`, `off`, or servers by address. */
export function authoritativeServers(): ValueSchema<AuthoritativeServers> {
  const servers = listOf('', (item) => parseHostAndPort(item, { port: 53 }));
  return value('auto, off, or host:port entries, comma separated', (found) => {
    const word = found.toLowerCase();
    if (word === 'auto' || word === 'off') return { kind: word };
    const list = servers.safeParse(found).data;
    return list === undefined ? undefined : { kind: 'servers', servers: list };
  });
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

/** A file of PEM certificates, read and checked at once. */
export interface CaBundle {
  readonly path: string;
  readonly pem: string;
}

const MAX_BUNDLE_BYTES = 2 * 1024 * 1024;
const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

/** The path of a file of PEM certificates, at most 2 MiB. */
export function caBundleFile(): ValueSchema<CaBundle> {
  return value('the path of a readable file of PEM certificates (at most 2 MiB)', (path) => {
    try {
      const { size } = statSync(path);
      if (size > MAX_BUNDLE_BYTES) return new Rejected(`it has ${size} bytes`);
      const pem = readFileSync(path, 'utf8');
      const certificates = pem.match(PEM_CERTIFICATE) ?? [];
      if (certificates.length === 0) return new Rejected('it holds no PEM certificate');
      const unreadable = certificates.findIndex((certificate) => !isCertificate(certificate));
      return unreadable === -1 ? { path, pem } : new Rejected(`certificate ${unreadable + 1} in it cannot be parsed`);
    } catch (error) {
      return new Rejected(`it cannot be read (${errorCode(error)})`);
    }
  });
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
  return value('the path of a readable file', (path) => {
    try {
      accessSync(path, constants.R_OK);
      return statSync(path).isFile() ? path : new Rejected('it is not a file');
    } catch (error) {
      return new Rejected(`it cannot be read (${errorCode(error)})`);
    }
  });
}

function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
}
