/** Temporal's frontend behind a relay that refuses chosen requests, as in a failover or behind a load balancer. */
import { GRPC_STATUS } from '../../../src/temporal/grpc-status.ts';
import type { ExternalRequest } from '../../chaos/relays/exchange.ts';
import { startGrpcRelay } from '../../chaos/relays/grpc-relay.ts';

const { FAILED_PRECONDITION, UNIMPLEMENTED, UNAVAILABLE } = GRPC_STATUS;
/** gRPC statuses of passing faults. */
export const GRPC = { FAILED_PRECONDITION, UNIMPLEMENTED, UNAVAILABLE } as const;

export interface TemporalFrontend {
  /** `host:port` */
  readonly address: string;
  /** Refuses these requests until `serve()`. */
  refuse(status: number, about: (request: ExternalRequest) => boolean): void;
  serve(): void;
  /** Number of requests refused since the last `refuse()`. */
  refused(): number;
  close(): Promise<void>;
}

/** @param address of the real frontend. */
export async function startTemporalFrontend(address: string): Promise<TemporalFrontend> {
  let fault: { readonly status: number; readonly about: (request: ExternalRequest) => boolean } | undefined;
  let refused = 0;
  const relay = await startGrpcRelay({
    system: 'temporal',
    target: `http://${address}`,
    interceptor: {
      beforeRequest: (request) => {
        if (fault?.about(request) !== true) return Promise.resolve('pass');
        refused += 1;
        return Promise.resolve({ refuse: fault.status });
      },
      afterResponse: () => Promise.resolve('pass'),
    },
    ownerOf: () => undefined,
  });
  return {
    address: `127.0.0.1:${relay.port}`,
    refuse: (status, about) => {
      refused = 0;
      fault = { status, about };
    },
    serve: () => {
      fault = undefined;
    },
    refused: () => refused,
    close: () => relay.close(),
  };
}

/** Whether it is a signal to the workflow of this cluster, by an uncompressed message. */
export function isSignalTo({ uid }: { readonly uid: string }): (request: ExternalRequest) => boolean {
  return ({ path, body }) => /\/Signal(WithStart)?WorkflowExecution$/.test(path) && body.includes(uid);
}

export function isWorkflowList({ path }: ExternalRequest): boolean {
  return path.endsWith('/ListWorkflowExecutions');
}
