import { startTestServer, stopTestServer, type TestServer } from './http-server';

describe.each([false, true])('smoke %s', (expressLane) => {
  let server: TestServer;
  beforeAll(async () => { server = await startTestServer({ expressLane }); });
  afterAll(() => stopTestServer(server));
  it('x', async () => {
    const r = await server.http.inject({ method: 'POST', url: '/graphql', headers: {'content-type':'application/json'}, payload: JSON.stringify({query:'{hello}'}) });
    console.log(r.statusCode, r.headers, r.body);
    const r2 = await server.http.inject({ method: 'POST', url: '/graphql', headers: {'content-type':'text/plain'}, payload: JSON.stringify({query:'{hello}'}) });
    console.log(r2.statusCode, r2.headers, r2.body);
    for (const q of ['{', '{nope}', '{broken unreachable partial}', '{reached}', 'mutation { increment }', 'subscription { ticks }', 'query($n:[Int!]!){sum(numbers:$n)}']) {
      const r = await server.http.inject({ method: 'POST', url: '/graphql', headers: {'content-type':'application/json'}, payload: JSON.stringify({query:q, variables:{n:['a']}}) });
      console.log(q, r.statusCode, r.body);
    }
    const g = await server.http.inject({ method: 'GET', url: '/graphql?query={hello}', headers: {'apollo-require-preflight':'1'}});
    console.log(g.statusCode, g.body);
    console.log(server.lines);
  });
});
