import { CertmanError, type FailureParts } from '../failures/failure.ts';

/** Why a payload was not decoded. */
export type PayloadErrorCode = 'temporal/payloadInvalid' | 'temporal/payloadKeyUnknown' | 'temporal/payloadRefused';

/** A payload was not decoded. Temporal's SDK takes `name` as the type of the failure: it is the code. */
export class PayloadError extends CertmanError {
  constructor(parts: FailureParts & { readonly code: PayloadErrorCode }) {
    super(parts);
    this.name = parts.code;
  }
}
