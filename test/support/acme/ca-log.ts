/** What the CA's own log tells: it knows also what nobody else came to know. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface IssuedByCa {
  /** Decimal. */
  readonly serialNumber: string;
  /** Last part of the order's URL. */
  readonly orderId: string;
}

export interface CaLog {
  /** Orders that the CA took. */
  readonly orders: number;
  /** Those of them that it took for the replacement of a certificate (RFC 9773 §5). */
  readonly replacing: number;
  /** Everything it ever issued, in order. */
  readonly issued: readonly IssuedByCa[];
}

/** @param stateDir folder of the stack that the CA is part of. */
export async function readCaLog(stateDir: string): Promise<CaLog> {
  const text = await readFile(join(stateDir, 'logs', 'pebble.log'), 'utf8');
  const issued = [...text.matchAll(/Issued certificate serial ([0-9a-f]+) for order (\S+)/g)];
  return {
    orders: (text.match(/Added order /g) ?? []).length,
    replacing: (text.match(/ is a replacement of /g) ?? []).length,
    issued: issued.map(([, hex, orderId = '']) => ({ serialNumber: BigInt(`0x${hex}`).toString(), orderId })),
  };
}
