/** A question of `certman doctor`: what it needs, how it is asked within a bound, and what the answer is. */

import { isGrpcServiceError, ServiceError } from '@temporalio/client';
import { counted } from '../../failures/counted.ts';
import { CertmanError } from '../../failures/failure.ts';
import { abortable } from '../../network/abortable.ts';
import { saysNoNamespace } from '../../temporal/namespace.ts';
import { commandLine } from '../program-name.ts';
import { NAMESPACE_UNREAD } from '../temporal-client.ts';

/** `skipped`: something that it needs did not pass. Only `failed` makes the command fail. */
export type CheckStatus = 'passed' | 'warning' | 'failed' | 'skipped';

/** The answer, as `-o json` has it. */
export interface CheckResult {
  /** Stable; a heading of docs/doctor.md. Of a thing of which there are several, followed by a colon and its name. */
  readonly id: string;
  readonly group: string;
  /** What is checked, as a clause that is true where it passes. */
  readonly title: string;
  readonly status: CheckStatus;
  /** What was found, in sentences. */
  readonly message: string;
  /** What to do; absent where it passed. */
  readonly remedy?: string;
  /** Where the check is explained. */
  readonly docs: string;
}

/** What a check finds where nothing prevents certman from working. */
export interface Found<Value> {
  readonly status: 'passed' | 'warning';
  readonly message: string;
  readonly remedy?: string;
  /** What checks that need this one work with. */
  readonly value: Value;
}

/** How a check is asked. */
export interface CheckDefinition<Value> extends Pick<CheckResult, 'id' | 'group' | 'title'> {
  /** Skipped unless these passed, or only warned. */
  readonly needs?: readonly Check<unknown>[];
  /** For a failure that says no remedy itself. */
  readonly remedy?: string;
  /** Its failures, and those of the checks that need it, as the person reads them. */
  readonly forPeople?: (error: unknown) => unknown;
  /**
   * @param signal aborted after `timeoutMs`, which a check that waits for something stays below: it could not say what it found.
   * @throws what a failed check says: best a CertmanError.
   */
  readonly run: (signal: AbortSignal, timeoutMs: number) => Promise<Found<Value>>;
}

/** It passed. */
export function passed(message: string): Found<void>;
export function passed<Value>(message: string, value: Value): Found<Value>;
export function passed(message: string, value?: unknown): Found<unknown> {
  return { status: 'passed', message, value };
}

/** Something is not as it should be, but certman works. */
export function warning(message: string, remedy: string): Found<void>;
export function warning<Value>(message: string, remedy: string, value: Value): Found<Value>;
export function warning(message: string, remedy: string, value?: unknown): Found<unknown> {
  return { status: 'warning', message, remedy, value };
}

/** The failure of a check that is not the failure of a request. */
export class CheckFailure extends CertmanError {
  constructor(message: string, remedy: string) {
    super({ code: 'internal/unexpected', message, remedy });
  }
}

const LONGER = 'Where what is asked is only slow, --timeout SECONDS waits longer.';

/** A check, and once it has run its answer. */
export class Check<Value> {
  readonly #definition: CheckDefinition<Value>;
  #result: Promise<CheckResult> | undefined;
  #found: Found<Value> | undefined;

  constructor(definition: CheckDefinition<Value>) {
    this.#definition = definition;
  }

  /** What it found; only for checks that need this one. */
  get value(): Value {
    if (this.#found !== undefined) return this.#found.value;
    throw new CertmanError({ code: 'internal/unexpected', message: `${this.#definition.id} did not pass` });
  }

  /** Runs it once, after what it needs. Never rejects. @param timeoutMs of this check alone. */
  result(timeoutMs: number): Promise<CheckResult> {
    this.#result ??= this.#run(timeoutMs);
    return this.#result;
  }

  #forPeople(error: unknown): unknown {
    const { needs = [], forPeople } = this.#definition;
    const translated = forPeople?.(error) ?? error;
    return needs.reduce((found: unknown, check) => check.#forPeople(found), translated);
  }

  async #run(timeoutMs: number): Promise<CheckResult> {
    const { id, group, title, needs = [], run } = this.#definition;
    const about = { id, group, title, docs: docsOf(id) };
    const answers = await Promise.all(needs.map((check) => check.result(timeoutMs)));
    const missing = answers.filter(({ status }) => status === 'failed' || status === 'skipped');
    if (missing.length > 0) {
      const names = missing.map((need) => need.id).join(', ');
      return { ...about, status: 'skipped', message: `Not checked: it needs ${names}.` };
    }
    const signal = AbortSignal.timeout(timeoutMs);
    try {
      this.#found = await abortable(run(signal, timeoutMs), signal);
      const { status, message, remedy } = this.#found;
      return { ...about, status, message, ...(remedy !== undefined && { remedy }) };
    } catch (error) {
      const { message, remedy = this.#definition.remedy } = signal.aborted
        ? {
            message: `There was no answer within ${timeoutMs / 1000} s.`,
            remedy: [this.#definition.remedy, LONGER].join(' ').trim(),
          }
        : failureOf(this.#forPeople(error));
      return { ...about, status: 'failed', message, ...(remedy !== undefined && { remedy }) };
    }
  }
}

/** The heading of a check in docs/doctor.md. */
function docsOf(id: string): string {
  return `docs/doctor.md#${id.split(':')[0]}`;
}

/** What a failed request says. */
function failureOf(error: unknown): { readonly message: string; readonly remedy?: string } {
  if (error instanceof CertmanError) return { message: error.message, remedy: error.info.remedy };
  // Checks of what is in the namespace need the check that it exists.
  if (saysNoNamespace(error)) return NAMESPACE_UNREAD;
  const cause = error instanceof ServiceError ? error.cause : error;
  if (isGrpcServiceError(cause)) return { message: `Temporal refused it: ${cause.details} (gRPC code ${cause.code}).` };
  return { message: error instanceof Error ? error.message : String(error) };
}

/** Names of failed checks, for the last line. @param asked what was checked: `<namespace>/<name>`, `--pre`, or nothing more. */
export function failedMessage(results: readonly CheckResult[], asked = ''): string | undefined {
  const failed = results.filter(({ status }) => status === 'failed').map(({ id }) => id);
  if (failed.length === 0) return undefined;
  const checks = `${counted(failed.length, 'check')} failed`;
  return `${checks}: ${failed.join(', ')}. Once it is corrected: ${commandLine(`doctor ${asked}`.trimEnd())}`;
}
