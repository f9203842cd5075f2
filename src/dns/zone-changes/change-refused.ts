import { CertmanError } from '../../failures/failure.ts';

/** A refusal of a change batch. `details` is the service's whole answer, which usually names the refused records. */
export class ChangeRefusedError extends CertmanError {
  readonly details: string;

  constructor(message: string, details: string, cause: unknown) {
    super({
      code: 'dns/changeRefused',
      message,
      remedy:
        'Check the records of that name in the zone (a CNAME or a routing policy excludes a TXT record); it is retried by the schedule.',
      cause,
    });
    this.name = 'ChangeRefusedError';
    this.details = details;
  }
}
