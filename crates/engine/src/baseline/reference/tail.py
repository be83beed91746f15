"""Reference values for the tests of tail.rs, printed as a table: -log10 P(X >= x), X negative binomial (mean, dispersion;
0 is Poisson). P(X = x) comes from log-gamma functions and the factor from P(X = x) to P(X >= x) from the plain series or
the hypergeometric function, all at 60 digits: nothing of the method that tail.rs uses. Takes two minutes.

    python3 -m pip install mpmath gmpy2 && python3 tail.py > rows.tsv
"""
import mpmath as mp, itertools, sys
mp.mp.dps = 60
def lnpmf(x, mu, phi):
    if phi == 0: return x*mp.log(mu) - mu - mp.loggamma(x+1)
    r = 1/phi
    return mp.loggamma(x+r)-mp.loggamma(r)-mp.loggamma(x+1)+x*mp.log(mu/(r+mu))-r*mp.log1p(mu/r)
def ratio(x, mu, phi):
    # sum of the pmf from x on, over the pmf at x
    s = t = mp.mpf(1); j = 0
    p = mu*phi/(1+mu*phi)
    while j < 40000:
        t *= (mu*(1+(x+j)*phi)/(1+mu*phi))/(x+j+1); s += t; j += 1
        if t < s*mp.mpf(10)**-45: return s, 'series'
    if phi == 0: return mp.hyp1f1(1, x+1, mu), 'hyp1f1'
    return mp.hyp2f1(1, x+1/phi, x+1, p), 'hyp2f1'
rows = []
for mu in ['0.02','0.3','1','7.5','60','1000','30000','1000000']:
    for phi in ['0','0.02','0.1','0.4','3','50']:
        m, f = mp.mpf(mu), mp.mpf(phi)
        sd = mp.sqrt(m+f*m*m)
        xs = {int(m)+1, int(m+sd/2)+2, int(m+3*sd)+3, int(m+12*sd)+10, int(m*40)+300, 200000, 10000000}
        for x in sorted(xs):
            if x > 10**7 or x <= m: continue
            try:
                q, how = ratio(mp.mpf(x), m, f)
                s = -(lnpmf(mp.mpf(x), m, f)+mp.log(q))/mp.log(10)
                rows.append((mu, phi, x, mp.nstr(s, 17, min_fixed=-30, max_fixed=30)))
            except Exception as e:
                print('skip', mu, phi, x, type(e).__name__, file=sys.stderr)
for r in rows: print('\t'.join(map(str, r)))
