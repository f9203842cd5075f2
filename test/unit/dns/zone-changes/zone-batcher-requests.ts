/** What the tests of the batcher submit, and how fast it works in them. */
import type { TxtRequest } from '../../../../src/dns/zone-changes/change-batch.ts';
import type { ZoneBatcherOptions } from '../../../../src/dns/zone-changes/zone-batcher.ts';
import { CertmanError, type FailureCode } from '../../../../src/failures/failure.ts';

export const OPTIONS = { windowMs: 20, retryDelaysMs: [5, 5, 5] } satisfies ZoneBatcherOptions;

export const publish = (name: string, value: string): TxtRequest => ({ action: 'publish', records: [{ name, value }] });
export const withdraw = (name: string, value: string): TxtRequest => ({
  action: 'withdraw',
  records: [{ name, value }],
});

export const failing = (code: FailureCode): CertmanError => new CertmanError({ code, message: code });
