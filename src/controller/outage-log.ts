import type { CertmanError } from '../failures/failure.ts';

/** The part of pino's logger that the controller uses. */
export interface ControllerLogger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

const REPEAT_INTERVAL_MS = 60_000;

/** The log of one source of outages. */
export type OutageLog = ReturnType<typeof outageLog>;

/** Logs an outage when it begins or ends, when its failure code changes, and at most once a minute while it lasts. */
export function outageLog(
  logger: ControllerLogger,
  fields: object,
  messages: { readonly failing: string; readonly recovered: string },
) {
  let outage: { readonly since: number; readonly code: string; readonly loggedAt: number } | undefined;
  return {
    failed({ code, message: problem, info }: CertmanError, waitMs: number): void {
      const now = performance.now();
      if (outage?.code === code && now - outage.loggedAt < REPEAT_INTERVAL_MS) return;
      outage = { since: outage?.since ?? now, code, loggedAt: now };
      // An expired resource version is routine, and repaired by a new list.
      logger[code === 'kubernetes/gone' ? 'info' : 'warn'](
        { ...fields, code, problem, next: info.remedy, retryInMs: Math.round(waitMs) },
        messages.failing,
      );
    },
    recovered(): void {
      if (outage === undefined) return;
      const seconds = Math.round((performance.now() - outage.since) / 1000);
      logger.info({ ...fields, seconds }, messages.recovered);
      outage = undefined;
    },
  };
}
