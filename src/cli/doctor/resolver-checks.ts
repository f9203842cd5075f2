import { decodeResponse, encodeQuery } from '../../dns/dns-message.ts';
import { createDohConnections, dohExchange } from '../../dns/doh-resolver.ts';
import { Check, CheckFailure, passed, warning } from './check.ts';

const GROUP = 'DNS resolvers';
const TIMEOUT_MS = 3_000;
/** Every resolver knows the root, and it is signed. */
const QUESTION = { id: 0, name: '.', type: 'SOA', recursion: true, dnssecOk: true } as const;

/** A check of each resolver that must see the TXT records of challenges. */
export function resolverChecks(
  { dohResolvers, dohCaBundle }: { readonly dohResolvers: readonly string[]; readonly dohCaBundle?: string },
  onClose: (close: () => Promise<void>) => void,
): readonly Check<unknown>[] {
  const connections = createDohConnections({ ca: dohCaBundle, timeoutMs: TIMEOUT_MS });
  onClose(() => connections.destroy());
  return dohResolvers.map((url) => {
    const { host } = new URL(url);
    return new Check({
      id: `resolver:${host}`,
      group: GROUP,
      title: `${host} answers by DoH (RFC 8484), and validates DNSSEC`,
      run: async () => {
        const answer = await dohExchange(url, connections, TIMEOUT_MS).send(encodeQuery(QUESTION));
        if ('why' in answer) {
          throw new CheckFailure(
            `The resolver ${url}: ${answer.why}.`,
            'Check CERTMAN_DOH_RESOLVERS, CERTMAN_DOH_CA_BUNDLE, and what is between. Orders are verified by those that answer.',
          );
        }
        return answerFinding(answer.message);
      },
    });
  });
}

/** What an answer about the root shows of a resolver. */
export function answerFinding(message: Buffer) {
  const answer = decodeResponse(QUESTION, message);
  if (answer === undefined)
    throw new CheckFailure('Its answer is no DNS answer to the question.', 'Check CERTMAN_DOH_RESOLVERS.');
  const { rcode = 'no code', flag_ad: isValidated } = answer;
  if (rcode !== 'NOERROR')
    return warning(
      `It answers ${rcode} for the root zone.`,
      'As a resolver of some zones only does: the CA asks others.',
    );
  if (isValidated) return passed('yes');
  return warning(
    'It does not say that it validates DNSSEC (flag AD).',
    'A broken chain of trust is then seen by the CA only. Choose a resolver that validates.',
  );
}
