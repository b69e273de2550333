import { createPasswords, recommendedCost } from '../../subgraphs/users/passwords';

const cheap = createPasswords({ ln: 4, r: 8, p: 1 });

describe('passwords', () => {
  it('cost what OWASP recommends for 32 MiB', () => {
    expect(recommendedCost).toEqual({ ln: 15, r: 8, p: 3 });
  });

  it('are verified by the cost they were hashed at', async () => {
    const stored = await cheap.hash('correct horse');
    expect(await createPasswords({ ln: 5, r: 4, p: 2 }).verify('correct horse', stored)).toBe(true);
    expect(await createPasswords({ ln: 5, r: 4, p: 2 }).verify('wrong horse', stored)).toBe(false);
  });

  it('take as long for an unknown user as for a wrong password', async () => {
    const passwords = createPasswords();
    const stored = await passwords.hash('correct horse');
    const time = async (hash: string | undefined) => {
      const times: number[] = [];
      for (let round = 0; round < 3; round++) {
        const start = performance.now();
        expect(await passwords.verify('wrong horse', hash)).toBe(false);
        times.push(performance.now() - start);
      }
      return Math.min(...times);
    };
    // Far apart, for the machine may be busy; without the work they would differ a thousandfold.
    expect((await time(undefined)) / (await time(stored))).toBeGreaterThan(0.2);
  }, 60_000);

  it("do not match nobody's hash, whatever they are", async () => {
    for (const password of ['', '\0', 'a']) expect(await cheap.verify(password, undefined)).toBe(false);
  });

  it.each(['', 'hunter2', '$scrypt$ln=30,r=8,p=1$YQ$YQ', '$argon2id$v=19$m=1,t=1,p=1$YQ$YQ'])(
    'reject a stored hash that is not ours: "%s"',
    async (stored) => {
      await expect(cheap.verify('x', stored)).rejects.toThrow(/unknown format/);
    },
  );
});
