import { z } from 'zod';
import { CertmanError, type FailureCode, type FailureParts } from '../failures/failure.ts';
import { oneLine } from '../failures/printable.ts';
import { parseRetryAfter } from '../failures/retry-after.ts';
import type { TransportResponse } from './transport.ts';

const ACME_ERROR_PREFIX = 'urn:ietf:params:acme:error:';

/** An identifier (RFC 8555 §9.7.7). */
export const identifierSchema = z.object({ type: z.string().max(64), value: z.string().max(512) });
/** One malformed member must not hide the type, by which the retry is decided. */
const singleProblemSchema = z.object({
  type: z.string().max(512).optional().catch(undefined),
  detail: z.string().max(64_000).optional().catch(undefined),
  identifier: identifierSchema.optional().catch(undefined),
});

/** A problem document (RFC 7807, RFC 8555 §6.7) with its subproblems (§6.7.1). */
export const problemSchema = singleProblemSchema.extend({
  /** Where a person does what `userActionRequired` asks for (RFC 8555 §7.3.3), such as to agree to new terms. */
  instance: z.string().max(2048).optional().catch(undefined),
  subproblems: z.array(singleProblemSchema).max(1000).optional().catch(undefined),
});
/** A problem document (RFC 8555 §6.7). */
export type Problem = z.infer<typeof problemSchema>;

/** RFC 8555 §6.7 and RFC 9773 §7.4 (alreadyReplaced); invalidProfile is Let's Encrypt's profiles draft, §6.3. */
const CODE_BY_TYPE: Readonly<Record<string, FailureCode>> = {
  accountDoesNotExist: 'acme/accountUnknown',
  alreadyReplaced: 'acme/malformed',
  alreadyRevoked: 'acme/malformed',
  badCSR: 'acme/badCsr',
  badNonce: 'acme/serverError',
  badPublicKey: 'acme/badCsr',
  badRevocationReason: 'acme/malformed',
  badSignatureAlgorithm: 'acme/accountInvalid',
  caa: 'acme/rejectedIdentifier',
  connection: 'acme/challengeFailed',
  dns: 'acme/challengeFailed',
  externalAccountRequired: 'acme/accountInvalid',
  incorrectResponse: 'acme/challengeFailed',
  invalidContact: 'acme/accountInvalid',
  invalidProfile: 'configuration/invalid',
  malformed: 'acme/malformed',
  orderNotReady: 'acme/orderInvalid',
  rateLimited: 'acme/rateLimited',
  rejectedIdentifier: 'acme/rejectedIdentifier',
  serverInternal: 'acme/serverError',
  tls: 'acme/challengeFailed',
  unauthorized: 'acme/unauthorized',
  unsupportedContact: 'acme/accountInvalid',
  unsupportedIdentifier: 'acme/rejectedIdentifier',
  userActionRequired: 'acme/accountInvalid',
};

const REMEDIES: Readonly<Partial<Record<FailureCode, string>>> = {
  'acme/accountInvalid':
    'Correct the ACME account Secret, or do at the CA what it asks for; certman retries by itself.',
  'acme/accountUnknown':
    'Put the URL and key of an account of this CA into the ACME account Secret; certman retries by itself.',
  'acme/rateLimited': 'certman retries when the CA allows it.',
  'acme/rejectedIdentifier': 'The CA does not issue for this name; change the name or its CAA records.',
  'configuration/invalid': 'Correct the configured ACME profile.',
};

/** Without its prefix (`malformed`); '' for a type that is not ACME's. */
function problemType(problem: Problem | undefined): string {
  return problem?.type?.startsWith(ACME_ERROR_PREFIX) === true ? problem.type.slice(ACME_ERROR_PREFIX.length) : '';
}

/** The types that certman knows, without their prefix. */
export const PROBLEM_TYPES = Object.keys(CODE_BY_TYPE);

/** Type of a refusal, of a bounded number: one of {@link PROBLEM_TYPES}, else `other`; undefined for no refusal. */
export function refusalTypeOf({ status, data }: Pick<TransportResponse, 'status' | 'data'>): string | undefined {
  if (status < 400) return undefined;
  const type = problemType(problemSchema.safeParse(data).data);
  return Object.hasOwn(CODE_BY_TYPE, type) ? type : 'other';
}

/** A refusal of the CA. Callers that expect a certain refusal check `type` and `status`. */
export class AcmeProblemError extends CertmanError {
  /** {@link problemType}. */
  readonly type: string;
  readonly status: number;

  constructor(parts: FailureParts, type: string, status: number) {
    super(parts);
    this.name = 'AcmeProblemError';
    this.type = type;
    this.status = status;
  }
}

/** Whether the CA has no such resource for this account (any more). */
export function isGone(error: unknown): error is AcmeProblemError {
  if (!(error instanceof AcmeProblemError)) return false;
  return error.code === 'acme/unauthorized' || (error.status === 404 && error.code !== 'acme/unreachable');
}

/**
 * Converts a refusal to an error: code by problem type, the CA's detail as message, Retry-After as `notBefore`.
 * @param what was requested: completes "The CA refused …".
 */
export function errorFromResponse(
  host: string,
  what: string,
  { status, headers, data }: TransportResponse,
  now = new Date(),
): AcmeProblemError {
  const problem = problemSchema.safeParse(data).data;
  const type = problemType(problem);
  const code = failureCodeOf(status, type, problem, data);
  const words = describeProblem(problem) || `HTTP status ${status} without a problem document`;
  const message = `The CA ${host} refused ${what} (HTTP ${status}): ${words}`;
  const notBefore = parseRetryAfter(headers['retry-after'], now);
  const page = type === 'userActionRequired' ? problem?.instance : undefined;
  const remedy =
    page === undefined
      ? REMEDIES[code]
      : `Do what the CA asks for at ${oneLine(page, MAX_DETAIL_LENGTH)}; certman retries by itself.`;
  return new AcmeProblemError({ code, message, remedy, notBefore }, type, status);
}

/**
 * A refusal of what a request needs first: the directory, a nonce. Callers would take it for one of the resource that they
 * asked for, and an order for gone.
 */
export function ofAnotherResource({ info }: AcmeProblemError): CertmanError {
  return new CertmanError(info);
}

/** Whether an answer is a web page, of what stands between certman and the CA: a load balancer, a captive portal. */
export function isWebPage({ headers, data }: TransportResponse): boolean {
  return typeof data === 'string' && (/^text\/html\b/i.test(headers['content-type'] ?? '') || /^\s*</.test(data));
}

function failureCodeOf(status: number, type: string, problem: Problem | undefined, data: unknown): FailureCode {
  if (status === 429) return 'acme/rateLimited';
  if (status >= 500) return 'acme/serverError';
  if (isAccountProblem(type, problem?.detail ?? '')) return 'acme/accountInvalid';
  const code = problemCode(problem);
  if (code !== undefined) return code;
  // A page of what stands between: taken for the CA's, it would settle a revocation that the CA never saw.
  return typeof data === 'string' && data.trim() !== '' ? 'acme/unreachable' : 'acme/unexpected';
}

/**
 * Whether a refusal concerns the account: RFC 8555 has no type for that, so by details of Boulder and Pebble. Otherwise
 * a revocation that fails because of the account would count as a certificate that is not ours.
 */
function isAccountProblem(type: string, detail: string): boolean {
  if (type === 'malformed') return /JWS verification|key ?ID\b.*(prefix|invalid account URL)/i.test(detail);
  return type === 'unauthorized' && /account (has been|is) (deactivated|revoked|not valid)/i.test(detail);
}

/** Whether the CA refuses a request because another key signed it than the account's. */
export function rejectsKey({ status, data }: TransportResponse): boolean {
  const problem = status >= 400 ? problemSchema.safeParse(data).data : undefined;
  const type = problemType(problem);
  // Of a key of another type.
  if (type === 'badSignatureAlgorithm') return true;
  return (type === 'malformed' || type === 'unauthorized') && /JWS verification|signature/i.test(problem?.detail ?? '');
}

/** Failure code by problem type; of a `compound` problem that of its first known subproblem. */
export function problemCode(problem: Problem | undefined): FailureCode | undefined {
  const type = problemType(problem);
  const types = type === 'compound' ? (problem?.subproblems ?? []).map(problemType) : [type];
  const known = types.find((candidate) => Object.hasOwn(CODE_BY_TYPE, candidate));
  return known === undefined ? undefined : CODE_BY_TYPE[known];
}

const MAX_DETAIL_LENGTH = 500;
const MAX_NAME_LENGTH = 253;
const MAX_TYPE_LENGTH = 100;
const MAX_SUBPROBLEMS = 5;

/** The CA's description of a problem with up to five subproblems, on one line of bounded length; '' if none. */
export function describeProblem(problem: Problem | undefined): string {
  if (problem === undefined) return '';
  const subproblems = problem.subproblems ?? [];
  const named = subproblems.slice(0, MAX_SUBPROBLEMS).map(describeSingleProblem);
  if (subproblems.length > named.length) named.push(`and ${subproblems.length - named.length} more`);
  const tail = named.length === 0 ? '' : `: ${named.join('; ')}`;
  return `${describeSingleProblem(problem)}${tail}`;
}

function describeSingleProblem(problem: z.infer<typeof singleProblemSchema>): string {
  const name = problem.identifier === undefined ? '' : `${oneLine(problem.identifier.value, MAX_NAME_LENGTH)}: `;
  const type =
    problem.type === undefined ? '' : ` [${oneLine(problem.type.replace(ACME_ERROR_PREFIX, ''), MAX_TYPE_LENGTH)}]`;
  return `${name}${oneLine(problem.detail ?? '', MAX_DETAIL_LENGTH)}${type}`.trim();
}
