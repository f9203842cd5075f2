/** Every order that the CA took, as the relay in front of it saw that: also those that nobody came to know of. */
import { z } from 'zod';
import type { ExchangeListener, ExternalRequest, ExternalResponse } from '../relays/exchange.ts';
import { kindOf } from '../request-kinds.ts';

export interface SeenOrder {
  /** Last part of its URL, by which the CA's log names it. */
  readonly id: string;
  readonly dnsNames: readonly string[];
  /** The life of the worker that asked for it; undefined when that was over before the request was read. */
  readonly incarnation: string | undefined;
  /** Whether the CA's answer was passed on to it. */
  readonly delivered: boolean;
  /** `performance.now()` when the answer was passed on or cut. */
  readonly at: number;
  /** `performance.now()` when Temporal had its URL, from when on the next attempt can go on with it; absent: it never had. */
  readonly recordedAt?: number;
}

const jwsSchema = z.object({ payload: z.string() });
const newOrderSchema = z.object({ identifiers: z.array(z.object({ value: z.string() })) });

const GRPC_OK = 0;

export class OrderJournal {
  readonly #orders = new Map<string, SeenOrder>();

  get orders(): readonly SeenOrder[] {
    return [...this.#orders.values()];
  }

  readonly listen: ExchangeListener = (request, response, delivered) => {
    const kind = kindOf(request);
    if (kind === 'newOrder' && response.status === 201) this.#place(request, response, delivered);
    else if ((kind === 'recordOrder' || kind === 'activityDone') && response.status === GRPC_OK) this.#record(request);
  };

  #place(request: ExternalRequest, response: ExternalResponse, delivered: boolean): void {
    const { location } = response.headers;
    const url = typeof location === 'string' ? location : '';
    const id = url.slice(url.lastIndexOf('/') + 1);
    this.#orders.set(id, {
      id,
      dnsNames: namesOrdered(request),
      incarnation: request.worker,
      delivered,
      at: performance.now(),
    });
  }

  /** A heartbeat, or the activity's result, that Temporal has taken: it takes none of an attempt that it has given up. */
  #record({ body }: ExternalRequest): void {
    for (const order of this.#orders.values()) {
      if (order.recordedAt !== undefined || !body.includes(order.id)) continue;
      this.#orders.set(order.id, { ...order, recordedAt: performance.now() });
    }
  }
}

/** RFC 8555 §7.4, inside a flattened JWS (§6.2). */
function namesOrdered({ body }: ExternalRequest): readonly string[] {
  const { payload } = jwsSchema.parse(JSON.parse(body.toString()));
  const order = newOrderSchema.parse(JSON.parse(Buffer.from(payload, 'base64url').toString()));
  return order.identifiers.map(({ value }) => value);
}
