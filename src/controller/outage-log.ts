import type { CertmanError } from '../failures/failure.ts';

/** The part of pino's logger that the controller uses. */
export interface ControllerLogger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

const REPEAT_INTERVAL_MS = 60_000;

/** Logs an outage when it begins or ends, when its failure code changes, and at most once a minute while it lasts. */
export class OutageLog {
  readonly #logger: ControllerLogger;
  readonly #fields: object;
  readonly #messages: { readonly failing: string; readonly recovered: string };
  #since: number | undefined;
  #lastLogged: { readonly code: string; readonly at: number } | undefined;

  constructor(
    logger: ControllerLogger,
    fields: object,
    messages: { readonly failing: string; readonly recovered: string },
  ) {
    this.#logger = logger;
    this.#fields = fields;
    this.#messages = messages;
  }

  failed({ code, message: problem, info }: CertmanError, waitMs: number): void {
    const now = performance.now();
    this.#since ??= now;
    if (this.#lastLogged?.code === code && now - this.#lastLogged.at < REPEAT_INTERVAL_MS) return;
    this.#lastLogged = { code, at: now };
    // An expired resource version is routine, and repaired by a new list.
    this.#logger[code === 'kubernetes/gone' ? 'info' : 'warn'](
      { ...this.#fields, code, problem, next: info.remedy, retryInMs: Math.round(waitMs) },
      this.#messages.failing,
    );
  }

  recovered(): void {
    if (this.#since === undefined) return;
    const seconds = Math.round((performance.now() - this.#since) / 1000);
    this.#logger.info({ ...this.#fields, seconds }, this.#messages.recovered);
    this.#since = undefined;
    this.#lastLogged = undefined;
  }
}
