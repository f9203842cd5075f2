/** The flags by which a campaign or a drill selects certificates. */

import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { parseSerials } from '../../campaigns/serial-number.ts';
import { dnsNameProblem, normalizeName } from '../../certificates/dns-name.ts';
import { duration } from '../../configuration/values.ts';
import { counted } from '../../failures/counted.ts';
import { parseClusterName, parseNamespace, UsageError } from '../arguments.ts';
import { addSelectionOptions, type SelectionOptions } from '../kubectl-options.ts';
import { describeSelection } from '../selection.ts';
import type { CertificateSelection } from './select-certificates.ts';

/** Bytes of a list: 100,000 serial numbers of Let's Encrypt. */
const MAX_LIST_BYTES = 5_000_000;

/** Longest wait or age that a flag states. */
const DURATION = duration('1s', '3650d');

/** As the command line has them. */
export interface CertificateSelectionOptions extends SelectionOptions {
  readonly all?: true;
  readonly domain?: string;
  readonly issuer?: string;
  readonly issuedBefore?: string;
  readonly expiresBefore?: string;
  readonly serials?: string;
  readonly clusters?: string;
}

/** Adds them, and those of {@link addSelectionOptions}. */
export function addCertificateSelectionOptions(command: Command): Command {
  addSelectionOptions(command);
  return command
    .option('--all', 'all certificates in use, of the namespace or with -A of all namespaces')
    .option('--domain <name>', 'only certificates with a name of this domain or below it, such as example.com')
    .option('--issuer <text>', 'only certificates whose issuer has this in its name, such as R12')
    .option('--issued-before <instant>', 'only certificates that are valid from before, such as 2026-05-28T12:00:00Z')
    .option('--expires-before <instant>', 'only certificates that expire before, an instant or from now on such as 30d')
    .option(
      '--serials <file>',
      'only certificates whose serial number is in the file, one a line, in decimal or hexadecimal (with a letter, a colon or 0x)',
    )
    .option('--clusters <file>', 'only clusters in the file, one <namespace>/<name> a line');
}

/** @throws UsageError for a wrong flag or file, and where nothing is selected. */
export async function certificateSelectionOf(
  options: CertificateSelectionOptions,
  now: number,
): Promise<CertificateSelection> {
  const { namespace, allNamespaces, selector, all, domain, issuer, issuedBefore, expiresBefore, serials, clusters } =
    options;
  const criteria = [selector, domain, issuer, issuedBefore, expiresBefore, serials, clusters];
  if (criteria.includes(''))
    throw new UsageError('a flag is empty, as of a variable that is not set: expected a value');
  if (all !== true && criteria.every((one) => one === undefined))
    throw new UsageError(
      'nothing is selected; expected --all, -l, --domain, --issuer, --issued-before, --expires-before, --serials or --clusters',
    );
  const isListed = serials !== undefined || clusters !== undefined;
  if (namespace === undefined && allNamespaces !== true && !isListed)
    throw new UsageError('the selection needs to know where; expected -n <namespace>, or -A for all namespaces');
  return {
    namespace: namespace === undefined || allNamespaces === true ? undefined : parseNamespace(namespace),
    selector,
    domain: domain === undefined ? undefined : parseDomain(domain),
    issuer,
    issuedBefore: issuedBefore === undefined ? undefined : parseInstant('--issued-before', issuedBefore, now),
    expiresBefore: expiresBefore === undefined ? undefined : parseInstant('--expires-before', expiresBefore, now),
    serialNumbers: serials === undefined ? undefined : await readSerials(serials),
    clusters: clusters === undefined ? undefined : await readClusters(clusters),
  };
}

/** For people: `in namespace ns with labels a=b, by R12`. */
export function describeCertificateSelection(selection: CertificateSelection): string {
  const { domain, issuer, issuedBefore, expiresBefore, serialNumbers, clusters } = selection;
  const instant = (at: number): string => new Date(at).toISOString();
  const parts = [
    describeSelection(selection) ?? 'in all namespaces',
    domain === undefined ? [] : `with a name of domain ${domain}`,
    issuer === undefined ? [] : `by issuer ${issuer}`,
    issuedBefore === undefined ? [] : `issued before ${instant(issuedBefore)}`,
    expiresBefore === undefined ? [] : `expiring before ${instant(expiresBefore)}`,
    serialNumbers === undefined ? [] : `of ${counted(serialNumbers.size, 'serial number')}`,
    clusters === undefined ? [] : `of ${counted(clusters.size, 'listed cluster')}`,
  ];
  return parts.flat().join(', ');
}

/**
 * An instant, or a duration from `now` on. @returns epoch milliseconds. @throws UsageError
 * @param flag for the message. @param now epoch milliseconds.
 */
export function parseInstant(flag: string, text: string, now: number): number {
  const after = DURATION.parse(text);
  if (after !== undefined && /[a-z]$/i.test(text)) return now + after;
  const at = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(at)) return at;
  throw new UsageError(
    `${flag} is "${text.slice(0, 100)}"; expected an instant such as 2026-05-28T12:00:00Z, or a duration from now on such as 24h or 30d`,
  );
}

function parseDomain(text: string): string {
  const domain = normalizeName(text);
  const problem = domain.startsWith('*') ? 'names below a domain are meant anyway' : dnsNameProblem(domain);
  if (problem === undefined) return domain;
  throw new UsageError(`--domain is "${text.slice(0, 100)}" (${problem}); expected a domain such as example.com`);
}

async function readSerials(file: string): Promise<ReadonlySet<string>> {
  const { serials, wrong } = parseSerials(await readList('--serials', file));
  if (wrong.length > 0)
    throw new UsageError(
      `--serials: ${file} has ${counted(wrong.length, 'line')} without a serial number; the first is "${wrong[0]?.slice(0, 100)}"`,
    );
  if (serials.size === 0) throw new UsageError(`--serials: ${file} has no serial number`);
  return serials;
}

async function readClusters(file: string): Promise<ReadonlySet<string>> {
  const text = await readList('--clusters', file);
  const lines = text.split('\n').map((line) => line.replace(/#.*/, '').trim());
  const named = lines.filter((line) => line !== '').map((one) => parseClusterName(one));
  if (named.length === 0) throw new UsageError(`--clusters: ${file} names no cluster`);
  return new Set(named.map(({ namespace, name }) => `${namespace}/${name}`));
}

async function readList(flag: string, file: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const why = error instanceof Error && 'code' in error ? String(error.code) : 'it cannot be read';
    throw new UsageError(`${flag}: ${file} cannot be read (${why}); expected a file with one a line`);
  }
  if (text.length <= MAX_LIST_BYTES) return text;
  throw new UsageError(`${flag}: ${file} has ${text.length} characters; expected at most ${MAX_LIST_BYTES}`);
}
