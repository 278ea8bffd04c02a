# Scikit-learn's part of ../text.ts: reads {texts, labels, folds} from a file and prints a line of JSON for each classifier and fold.
import json
import sys
import time

from sklearn.feature_extraction.text import HashingVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.metrics import accuracy_score, roc_auc_score
from sklearn.pipeline import make_pipeline


def hashing():
    return HashingVectorizer(n_features=2**18, ngram_range=(1, 2))


def tfidf():
    return TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)


CLASSIFIERS = {
    f"{name}, LogisticRegression C={c}": lambda words=words, c=c: make_pipeline(words(), LogisticRegression(C=c, max_iter=1000))
    for name, words in (("hashed", hashing), ("tf-idf", tfidf))
    for c in (1, 10, 100)
}
CLASSIFIERS["hashed, SGDClassifier"] = lambda: make_pipeline(hashing(), SGDClassifier(loss="log_loss", random_state=0))
CLASSIFIERS["tf-idf, SGDClassifier"] = lambda: make_pipeline(tfidf(), SGDClassifier(loss="log_loss", random_state=0))

with open(sys.argv[1]) as file:
    given = json.load(file)
texts, labels, folds = given["texts"], given["labels"], given["folds"]
for name, make in CLASSIFIERS.items():
    for fold in range(max(folds) + 1):
        train = [i for i, of in enumerate(folds) if of != fold]
        test = [i for i, of in enumerate(folds) if of == fold]
        model = make()
        start = time.perf_counter()
        model.fit([texts[i] for i in train], [labels[i] for i in train])
        seconds = time.perf_counter() - start
        truth = [labels[i] for i in test]
        scores = model.decision_function([texts[i] for i in test])
        accuracy = accuracy_score(truth, scores > 0)
        print(json.dumps({"name": name, "accuracy": accuracy, "rocAuc": roc_auc_score(truth, scores), "seconds": seconds}), flush=True)
