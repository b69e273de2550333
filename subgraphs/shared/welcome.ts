/**
 * What `serve.ts` prints when everything runs: where it is, and a first query to paste.
 */
import { SEED_PASSWORD } from '../users/seed';

export interface Places {
  readonly gatewayUrl: string | undefined;
  readonly subgraphs: readonly { readonly name: string; readonly url: string }[];
  readonly database: string;
}

const EXAMPLE_USER = 'grace';

/** Crosses users (name), content (posts) and payments (prices, balance), and needs to be signed in for the balance. */
export const EXAMPLE_QUERY =
  '{ me { displayName balance { amount currency } posts(first: 3) { nodes { title price { amount currency } purchaseCount } } } }';

/** The mutation that answers a token for the example query. */
export const EXAMPLE_LOGIN = `mutation { login(input: { username: "${EXAMPLE_USER}", password: "${SEED_PASSWORD}" }) { accessToken } }`;

/** Tells of every post that is published from now on, with its author of users; nobody needs to sign in for it. */
export const EXAMPLE_SUBSCRIPTION = 'subscription { postPublished { title author { displayName } } }';

/** The text, ready to print. */
export function welcome({ gatewayUrl, subgraphs, database }: Places): string {
  const rows: [string, string][] = subgraphs.map(({ name, url }) => [name, `${url}/graphql`]);
  rows.push(['database', database]);
  if (gatewayUrl !== undefined) {
    rows.unshift(['explorer', `${gatewayUrl}/graphql (offline: ${gatewayUrl}/graphiql)`]);
    rows.unshift(['gateway', `${gatewayUrl}/graphql`]);
  }
  const list = rows.map(([name, url]) => `  ${name.padEnd(10)}${url}`).join('\n');
  return `\nReady.\n\n${list}\n${gatewayUrl === undefined ? '' : example(`${gatewayUrl}/graphql`)}\n`;
}

function example(url: string): string {
  const post = `curl -s ${url} -H 'content-type: application/json'`;
  return `
Sign in (all demo users have the password ${SEED_PASSWORD}; ada is the ADMIN) and ask all three subgraphs:

TOKEN=$(${post} -d '${JSON.stringify({ query: EXAMPLE_LOGIN })}' | sed 's/.*"accessToken":"\\([^"]*\\)".*/\\1/')
${post} -H "authorization: Bearer $TOKEN" -d '${JSON.stringify({ query: EXAMPLE_QUERY })}'

Listen in the offline explorer, and publish a post from another tab:

  ${EXAMPLE_SUBSCRIPTION}

Ctrl-C stops everything.
`;
}
