/** With encryption, failures have their messages and stack traces in a payload; loaded by its path. */
import { DefaultFailureConverter, type FailureConverter } from '@temporalio/common';
import { PayloadError } from './payload-error.ts';

const plain = new DefaultFailureConverter();
const encoding = new DefaultFailureConverter({ encodeCommonAttributes: true });

/** That of workers and clients; workflows/failure-converter.ts is that of workflow code. */
export const failureConverter: FailureConverter = {
  // What hinders the decryption must be readable without it.
  errorToFailure: (error, ...more) => (error instanceof PayloadError ? plain : encoding).errorToFailure(error, ...more),
  failureToError: (failure, ...more) => plain.failureToError(failure, ...more),
};
