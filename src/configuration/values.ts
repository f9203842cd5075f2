import { X509Certificate } from 'node:crypto';
import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { isIP } from 'node:net';
import type { AuthoritativeServers } from '../dns/dns-sources.ts';
import { type HostAndPort, parseHostAndPort } from '../dns/host-and-port.ts';
import { readPayloadKeys } from '../payloads/payload-keys.ts';

/** How the text of a setting becomes its value. */
export interface Format<T> {
  /** Never the text itself: load-configuration.ts decides how much of it is shown. */
  readonly expected: string;
  /** @returns undefined when the text is not what is expected. @throws Error that says more than `expected`. */
  readonly parse: (text: string) => T | undefined;
}

/** Text that matches a pattern. */
export function text(expected: string, pattern: RegExp): Format<string> {
  return { expected, parse: (found) => (pattern.test(found) ? found : undefined) };
}

/** One of several words, in any case. */
export function oneOf<const Choice extends string>(...choices: readonly Choice[]): Format<Choice> {
  return {
    expected: `one of ${choices.join(', ')}`,
    parse: (found) => choices.find((choice) => choice === found.toLowerCase()),
  };
}

const FLAGS = new Map(Object.entries({ true: true, 1: true, false: false, 0: false }));

/** `true` or `false`, `1` or `0`. */
export const flag: Format<boolean> = {
  expected: 'true or false',
  parse: (found) => FLAGS.get(found.toLowerCase()),
};

/** A decimal number with at most six decimal places. Both bounds included. */
export function number(min: number, max: number, word = 'number', pattern = /^\d{1,9}(\.\d{1,6})?$/): Format<number> {
  return {
    expected: `a ${word} from ${min} to ${max}`,
    parse: (found) => (pattern.test(found) ? between(min, Number(found), max) : undefined),
  };
}

/** Both bounds included. */
export function wholeNumber(min: number, max: number): Format<number> {
  return number(min, max, 'whole number', /^\d{1,9}$/);
}

function between(min: number, found: number, max: number): number | undefined {
  return found >= min && found <= max ? found : undefined;
}

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `250ms`, `30s`, `10m`, `2h`, `1d`; a bare number is milliseconds. Both bounds included. The value is milliseconds. */
export function duration(min: string, max: string): Format<number> {
  return {
    expected: `a duration such as 250ms, 30s, 10m or 2h, from ${min} to ${max}`,
    parse: (found) => between(parseDuration(min), parseDuration(found), parseDuration(max)),
  };
}

/** @returns NaN when the text is no duration. */
function parseDuration(found: string): number {
  const [, count, unit = 'ms'] = /^(\d{1,9}(?:\.\d{1,3})?)\s*(ms|s|m|h|d)?$/i.exec(found) ?? [];
  return Math.round(Number(count) * (UNITS_MS[unit.toLowerCase()] ?? Number.NaN));
}

/** Comma separated; empty items are left out. */
export function listOf<T>(expected: string, parseItem: (text: string) => T | undefined): Format<readonly T[]> {
  return { expected, parse: (found) => parseList(found, parseItem) };
}

function parseList<T>(found: string, parseItem: (text: string) => T | undefined): readonly T[] | undefined {
  const items = found
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map(parseItem);
  const valid = items.filter((item) => item !== undefined);
  return valid.length > 0 && valid.length === items.length ? valid : undefined;
}

/** An absolute https URL without user information. @returns undefined when the text is none. */
export function parseHttpsUrl(found: string): string | undefined {
  if (!URL.canParse(found)) return undefined;
  const url = new URL(found);
  return url.protocol === 'https:' && url.username === '' && url.password === '' ? url.href : undefined;
}

/** An absolute https URL without user information. */
export const httpsUrl: Format<string> = { expected: 'an https URL', parse: parseHttpsUrl };

/** `auto`, `off`, or servers by address. */
export const authoritativeServers: Format<AuthoritativeServers> = {
  expected: 'auto, off, or host:port entries, comma separated',
  parse(found) {
    const word = found.toLowerCase();
    if (word === 'auto' || word === 'off') return { kind: word };
    const servers = parseList(found, (item) => parseHostAndPort(item, { port: 53 }));
    return servers && { kind: 'servers', servers };
  },
};

/** Where a server listens. Port 0 takes a free one. */
export const listenAddress: Format<HostAndPort> = {
  expected: 'host:port, such as 0.0.0.0:8080 or [::]:8080',
  parse: (found) => parseHostAndPort(found, { host: '0.0.0.0' }),
};

/** Where a server listens that takes IP addresses only, or `off`. */
export const listenIpAddress: Format<HostAndPort | 'off'> = {
  expected: 'an IP address and port, such as 0.0.0.0:9464, or off',
  parse(found) {
    if (found.toLowerCase() === 'off') return 'off';
    const address = listenAddress.parse(found);
    return address !== undefined && isIP(address.host) !== 0 ? address : undefined;
  },
};

const MAX_BUNDLE_BYTES = 2 * 1024 * 1024;
const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

/** The path of a file of PEM certificates, at most 2 MiB. The value is its content. */
export const caBundleFile: Format<string> = {
  expected: 'the path of a readable file of PEM certificates (at most 2 MiB)',
  parse(path) {
    const { size } = readFile(() => statSync(path));
    if (size > MAX_BUNDLE_BYTES) throw new Error(`it has ${size} bytes`);
    const pem = readFile(() => readFileSync(path, 'utf8'));
    const certificates = pem.match(PEM_CERTIFICATE) ?? [];
    if (certificates.length === 0) throw new Error('it holds no PEM certificate');
    const unreadable = certificates.findIndex((certificate) => !isCertificate(certificate));
    if (unreadable !== -1) throw new Error(`certificate ${unreadable + 1} in it cannot be parsed`);
    return pem;
  },
};

/** The same, for a file that is read again when it changes. The value is its path. */
export const certificateFile: Format<string> = {
  expected: caBundleFile.expected,
  parse: (path) => (caBundleFile.parse(path) === undefined ? undefined : path),
};

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).subject !== null;
  } catch {
    return false;
  }
}

const MAX_LINE_BYTES = 16 * 1024;

/** The path of a file with one line that is a secret. The value is the line. */
export const secretLineFile: Format<string> = {
  expected: 'the path of a readable file with one line',
  parse(path) {
    if (readFile(() => statSync(path)).size > MAX_LINE_BYTES) throw new Error('it is too large');
    const line = readFile(() => readFileSync(path, 'utf8')).trim();
    if (!/^[\x21-\x7e]+$/.test(line)) throw new Error('it is empty, or has other than printable characters');
    return line;
  },
};

/** The path of a folder of payload keys. */
export const payloadKeyFolder: Format<string> = {
  expected: 'the path of a folder with a file for each key and a file "active" with the name of one',
  parse(path) {
    if (!readFile(() => statSync(path)).isDirectory()) throw new Error('it is not a folder');
    readPayloadKeys(path);
    return path;
  },
};

/** The path of a file that can be read. */
export const readableFile: Format<string> = {
  expected: 'the path of a readable file',
  parse(path) {
    readFile(() => accessSync(path, constants.R_OK));
    if (!statSync(path).isFile()) throw new Error('it is not a file');
    return path;
  },
};

function readFile<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown error';
    throw new Error(`it cannot be read (${reason})`, { cause });
  }
}
