/**
 * The SDK's retries of a request, which end once the connection is closed. Without this, the SDK sends a retry from a timer, where
 * grpc-js throws if the connection has been closed meanwhile: an uncaught exception, which ends the process.
 */
import { type ConnectionOptions, defaultGrpcRetryOptions, makeGrpcRetryInterceptor } from '@temporalio/client';
import { GRPC_STATUS } from './grpc-status.ts';

/** Of grpc-js. */
export type Interceptor = NonNullable<ConnectionOptions['interceptors']>[number];
type Call = ReturnType<Parameters<Interceptor>[1]>;
type Metadata = Parameters<Call['start']>[0];
type Listener = NonNullable<Parameters<Call['start']>[1]>;
type Status = Parameters<NonNullable<Listener['onReceiveStatus']>>[0];

/** In `details` of the status of a request on a connection that is closed. */
const CLOSED = 'The connection to Temporal is closed.';

/** grpc-js has an enum of its own. */
const CANCELLED = GRPC_STATUS.CANCELLED as unknown as Status['code'];

/** For `interceptors` of a connection of `@temporalio/client`. The worker's native connection retries by itself. */
export function retryUntilClosed(): Interceptor[] {
  return [makeGrpcRetryInterceptor(defaultGrpcRetryOptions()), endOfClosed];
}

/** Whether a gRPC error is that of a connection which this process has closed. */
export function isOfClosedConnection({ code, details }: { readonly code: number; readonly details: string }): boolean {
  return code === GRPC_STATUS.CANCELLED && details === CLOSED;
}

/** The channel throws of a new call only where it is closed. What an interceptor returns has in grpc-js the type of a class. */
const endOfClosed: Interceptor = (options, next) => {
  try {
    return next(options) as ReturnType<Interceptor>;
  } catch {
    return closedCall() as ReturnType<Interceptor>;
  }
};

/** A call that ends as CANCELLED, which the SDK does not retry. */
function closedCall(): Call {
  const ignore = (): void => undefined;
  return {
    start: (metadata, listener) =>
      // As every other call: never before the caller has it.
      process.nextTick(() => {
        // The SDK's interceptor takes no status without a message before it.
        listener?.onReceiveMessage?.(null);
        listener?.onReceiveStatus?.({ code: CANCELLED, details: CLOSED, metadata: emptied(metadata) });
      }),
    sendMessage: ignore,
    sendMessageWithContext: ignore,
    startRead: ignore,
    halfClose: ignore,
    cancelWithStatus: ignore,
    getPeer: () => 'none',
    getAuthContext: () => null,
  };
}

/** The request's metadata has credentials, which must not be in an error. */
function emptied(metadata: Metadata): Metadata {
  const none = metadata.clone();
  for (const name of Object.keys(none.getMap())) none.remove(name);
  return none;
}
