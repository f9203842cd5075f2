/** The connection of a command to Temporal, which waits longer for a server that is slow than for one that is not there. */
import { Connection, type ConnectionOptions } from '@temporalio/client';
import { oneLine } from '../failures/printable.ts';
import { type Interceptor, retryUntilClosed } from '../temporal/retry-until-closed.ts';
import { isPlaintext, speaksTls } from '../temporal/speaks-tls.ts';
import type { TimeBound } from './time-bound.ts';

/** Milliseconds. */
export interface ConnectionLimits {
  /** For as long a server that starts may refuse connections. */
  readonly refusedMs: number;
  /** For as long one that does not refuse them may give none. */
  readonly connectMs: number;
  /** Of a request without a deadline of its own, with its repetitions. A long poll ends within 20 s at the server. */
  readonly requestMs: number;
  /** Of all requests together, whatever their own deadlines; absent: none. */
  readonly bound?: TimeBound | undefined;
}

/** Of a command. */
export const COMMAND_LIMITS: ConnectionLimits = { refusedMs: 3_000, connectMs: 20_000, requestMs: 60_000 };

const MAX_REASON_LENGTH = 300;
const WHY_WITHIN_MS = 500;
const TLS_WITHIN_MS = 2_000;
const GET_SYSTEM_INFO = '/temporal.api.workflowservice.v1.WorkflowService/GetSystemInfo';

/** https://grpc.github.io/grpc/node/grpc.html#.connectivityState */
const TRANSIENT_FAILURE = 3;

/**
 * A page of a history can have more than gRPC's limit of 4 MiB. The SDK sets the same limit as here, but by a name without
 * `grpc.`, which has no effect.
 */
const CHANNEL_ARGS = { 'grpc.max_receive_message_length': 128 * 1024 * 1024 } as const;

/** Gives up early where the attempts to connect fail. */
class CommandConnection extends Connection {
  refusedMs = COMMAND_LIMITS.refusedMs;
  /** `host:port`, of a connection without TLS. */
  plaintextAddress: string | undefined;

  protected override async untilReady(deadline: number): Promise<void> {
    for (;;) {
      try {
        return await super.untilReady(Math.min(deadline, Date.now() + this.refusedMs));
      } catch (error) {
        const isRefused = Number(this.client.getChannel().getConnectivityState(false)) === TRANSIENT_FAILURE;
        const leftMs = deadline - Date.now();
        const withoutTls = await this.#lacksTls(Math.max(leftMs, WHY_WITHIN_MS));
        if (!isRefused && !withoutTls && leftMs > 0) continue;
        throw new NotConnectedError(withoutTls ? undefined : await this.#whyNotConnected(), withoutTls, error);
      }
    }
  }

  async #lacksTls(withinMs: number): Promise<boolean> {
    return (
      this.plaintextAddress !== undefined && (await speaksTls(this.plaintextAddress, Math.min(withinMs, TLS_WITHIN_MS)))
    );
  }

  /** A request on a channel whose last attempt has failed fails at once, and says why; without interceptors, it is not repeated. */
  #whyNotConnected(): Promise<string | undefined> {
    const { promise, resolve } = Promise.withResolvers<string | undefined>();
    const deadline = Date.now() + WHY_WITHIN_MS;
    const asItIs = (message: Buffer): Buffer => message;
    this.client.makeUnaryRequest(GET_SYSTEM_INFO, asItIs, asItIs, Buffer.alloc(0), { deadline }, (failure) =>
      resolve(failure === null ? undefined : reasonIn(failure.details)),
    );
    return promise;
  }
}

/** There was no connection in time. */
export class NotConnectedError extends Error {
  override readonly name = 'NotConnectedError';
  /** Why the last attempt failed, where the other side, or this one, has said so. */
  readonly why: string | undefined;
  /** The other side speaks TLS, and the settings have none. */
  readonly withoutTls: boolean;

  constructor(why: string | undefined, withoutTls: boolean, cause: unknown) {
    super('There is no connection to Temporal', { cause });
    this.why = why;
    this.withoutTls = withoutTls;
  }
}

/** @throws NotConnectedError; what GetSystemInfo fails with. */
export async function connectToTemporal(options: ConnectionOptions, limits = COMMAND_LIMITS): Promise<Connection> {
  // What the next interceptor returns is the call, whose type in grpc-js is that of its interface.
  const withDeadline: Interceptor = (call, next) => {
    const own = Number(call.deadline ?? Date.now() + limits.requestMs);
    const deadline = Math.min(own, limits.bound?.until ?? own);
    return next({ ...call, deadline }) as ReturnType<Interceptor>;
  };
  const connection = CommandConnection.lazy({
    ...options,
    channelArgs: CHANNEL_ARGS,
    interceptors: [withDeadline, ...retryUntilClosed()],
    connectTimeout: limits.connectMs,
  });
  if (connection instanceof CommandConnection) {
    connection.refusedMs = limits.refusedMs;
    connection.plaintextAddress = isPlaintext(options) ? options.address : undefined;
  }
  try {
    await connection.ensureConnected();
    return connection;
  } catch (error) {
    await connection.close();
    throw error;
  }
}

/** Source: grpc-js load-balancer-pick-first.ts, resolver-dns.ts. Of OpenSSL, its reason is enough. */
function reasonIn(details: string): string | undefined {
  if (details.startsWith('Name resolution failed')) return oneLine(details, MAX_REASON_LENGTH);
  const [, last = ''] = /Last error: (?:Error(?: \[\w+\])?: )?(.*?)\.?\s*Resolution note/s.exec(details) ?? [];
  const [, reason = last] = /SSL routines:[^:]*:([^:]+)/.exec(last) ?? [];
  // Of a connection that the other side has closed, grpc-js says the instant alone.
  return reason === '' || reason.startsWith('Failed to connect') ? undefined : oneLine(reason, MAX_REASON_LENGTH);
}
