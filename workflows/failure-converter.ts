import { DefaultFailureConverter, type FailureConverter } from '@temporalio/common';

/** Global variable of the sandbox: src/worker/workflow-code.ts sets it in front of the bundle when payloads are encrypted. */
export const ENCODE_FAILURES = 'certmanEncodesFailures';

const plain = new DefaultFailureConverter();
const encoding = new DefaultFailureConverter({ encodeCommonAttributes: true });

/** That of workflow code, by its path in the bundle: with encryption, messages are in a payload. */
export const failureConverter: FailureConverter = {
  errorToFailure: (error, ...more) => (ENCODE_FAILURES in globalThis ? encoding : plain).errorToFailure(error, ...more),
  failureToError: (failure, ...more) => plain.failureToError(failure, ...more),
};
